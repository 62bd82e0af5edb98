// What the page carries: gzipped, in base64, each in an element of its own.

const element = (id) => document.getElementById(id);

function bytesOf(id) {
  if (Uint8Array.fromBase64) return Uint8Array.fromBase64(element(id).textContent);
  const text = atob(element(id).textContent);
  const bytes = new Uint8Array(text.length);
  for (let at = 0; at < text.length; at += 1) bytes[at] = text.charCodeAt(at);
  return bytes;
}

function unpacked(id) {
  const packed = new Blob([bytesOf(id)]).stream();
  return new Response(packed.pipeThrough(new DecompressionStream("gzip")));
}

const unpackedJson = (id) => unpacked(id).json();

// The charting library runs as a script of this page, so its digest is in the page's policy.
async function loadLibrary(text) {
  const script = document.createElement("script");
  script.textContent = await text;
  document.head.append(script);
  return window.echarts;
}
