//! Parquet's RLE/bit-packing hybrid, read as the runs that it is made of.
//!
//! The prediction logs are mostly rows that no line asks for. Reading a page's runs instead of its
//! values lets the scan skip such rows without decoding them. The encoding is described in
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/#RLE>.

use bytes::Bytes;

/// What the next values of a stream have in common.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Run {
    /// One value, this many times.
    Repeated(u32, usize),
    /// This many values that may differ.
    Packed(usize),
}

/// The runs of one hybrid stream.
#[derive(Clone, Debug)]
pub(crate) struct Runs {
    data: Bytes,
    bit_width: u8,
    /// Where the next run's header begins.
    next: usize,
    /// The run that is being read, with the length that is left of it.
    run: Option<Run>,
    /// The bit at which the next value of a packed run begins.
    bit: usize,
}

/// The stream ends before the values that its page promises, or has an impossible bit width.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected a run of RLE or bit-packed values, found the end of the page")]
pub(crate) struct Truncated;

impl Runs {
    /// Reads values of `bit_width` bits from the beginning of `data`.
    ///
    /// # Errors
    /// [`Truncated`] if the width is more than 32 bits.
    pub(crate) fn new(data: Bytes, bit_width: u8) -> Result<Self, Truncated> {
        if bit_width > 32 {
            return Err(Truncated);
        }
        Ok(Self { data, bit_width, next: 0, run: None, bit: 0 })
    }

    /// The run that the next value belongs to. At the end of a page a packed run may promise up to
    /// seven values too many. The caller knows how many values the page has.
    ///
    /// # Errors
    /// [`Truncated`] at the end of the data.
    pub(crate) fn peek(&mut self) -> Result<Run, Truncated> {
        match self.run {
            Some(run) => Ok(run),
            None => self.begin_run(),
        }
    }

    fn begin_run(&mut self) -> Result<Run, Truncated> {
        loop {
            let header = self.varint()?;
            let length = usize::try_from(header >> 1).map_err(|_| Truncated)?;
            let run = if header & 1 == 1 {
                let values = length.checked_mul(8).ok_or(Truncated)?;
                let bytes = length.checked_mul(usize::from(self.bit_width)).ok_or(Truncated)?;
                self.bit = self.next * 8;
                // The last group of a page may be cut short after its last value.
                self.next = self.next.saturating_add(bytes).min(self.data.len());
                Run::Packed(values)
            } else {
                let bytes = usize::from(self.bit_width).div_ceil(8);
                let end = self.next.checked_add(bytes).ok_or(Truncated)?;
                let value = self.data.get(self.next..end).ok_or(Truncated)?;
                self.next = end;
                let value = value.iter().rev().fold(0, |v, &byte| v << 8 | u32::from(byte));
                Run::Repeated(value, length)
            };
            if length > 0 {
                self.run = Some(run);
                return Ok(run);
            }
        }
    }

    /// Skips `n` values.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer.
    pub(crate) fn skip(&mut self, mut n: usize) -> Result<(), Truncated> {
        while n > 0 {
            let run = self.peek()?;
            let (Run::Repeated(_, left) | Run::Packed(left)) = run;
            let taken = left.min(n);
            n -= taken;
            self.take(run, taken);
        }
        Ok(())
    }

    /// Appends the next `n` values, each through `of`.
    ///
    /// # Errors
    /// [`Truncated`] if there are fewer.
    pub(crate) fn read<T: Copy>(
        &mut self,
        mut n: usize,
        out: &mut Vec<T>,
        of: impl Fn(u32) -> T,
    ) -> Result<(), Truncated> {
        while n > 0 {
            let run = self.peek()?;
            let taken = match run {
                Run::Repeated(value, left) => {
                    let taken = left.min(n);
                    out.resize(out.len() + taken, of(value));
                    taken
                }
                Run::Packed(left) => {
                    let taken = left.min(n);
                    self.unpack(taken, out, &of)?;
                    taken
                }
            };
            n -= taken;
            self.take(run, taken);
        }
        Ok(())
    }

    fn unpack<T>(
        &self,
        n: usize,
        out: &mut Vec<T>,
        of: &impl Fn(u32) -> T,
    ) -> Result<(), Truncated> {
        let width = usize::from(self.bit_width);
        let mask = (1_u64 << width) - 1;
        if (self.bit + n * width).div_ceil(8) > self.data.len() {
            return Err(Truncated);
        }
        out.reserve(n);
        let mut bit = self.bit;
        // Whole words while eight bytes are left, then byte by byte.
        let whole = self.data.len().saturating_sub(8) * 8;
        let fast = whole.saturating_sub(bit).checked_div(width).map_or(0, |left| left.min(n));
        out.extend((0..fast).map(|_| {
            let word = self.data.get(bit / 8..bit / 8 + 8).and_then(|b| b.try_into().ok());
            let value = u64::from_le_bytes(word.unwrap_or_default()) >> (bit % 8) & mask;
            bit += width;
            of(value as u32)
        }));
        for _ in fast..n {
            let mut word = [0; 8];
            let rest = &self.data[(bit / 8).min(self.data.len())..];
            let len = rest.len().min(8);
            word[..len].copy_from_slice(&rest[..len]);
            out.push(of((u64::from_le_bytes(word) >> (bit % 8) & mask) as u32));
            bit += width;
        }
        Ok(())
    }

    fn take(&mut self, run: Run, taken: usize) {
        self.run = match run {
            Run::Repeated(value, left) if left > taken => Some(Run::Repeated(value, left - taken)),
            Run::Packed(left) if left > taken => Some(Run::Packed(left - taken)),
            _ => None,
        };
        self.bit += taken * usize::from(self.bit_width);
    }

    fn varint(&mut self) -> Result<u64, Truncated> {
        let mut value = 0;
        for shift in (0..64).step_by(7) {
            let byte = *self.data.get(self.next).ok_or(Truncated)?;
            self.next += 1;
            value |= u64::from(byte & 127) << shift;
            if byte < 128 {
                return Ok(value);
            }
        }
        Err(Truncated)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A hybrid stream of these runs: a value and how many times it is repeated, or a packed list
    /// whose length is a multiple of 8.
    fn encode(width: u8, runs: &[Result<(u32, usize), Vec<u32>>]) -> Bytes {
        let mut out = Vec::new();
        let varint = |out: &mut Vec<u8>, mut v: usize| {
            while v > 127 {
                out.push((v & 127) as u8 | 128);
                v >>= 7;
            }
            out.push(v as u8);
        };
        for run in runs {
            match run {
                Ok((value, times)) => {
                    varint(&mut out, times << 1);
                    out.extend(&value.to_le_bytes()[..usize::from(width).div_ceil(8)]);
                }
                Err(values) => {
                    varint(&mut out, ((values.len() / 8) << 1) | 1);
                    let mut bits = vec![0_u8; values.len() * usize::from(width) / 8];
                    for (i, value) in values.iter().enumerate() {
                        for b in (0..usize::from(width)).filter(|b| value >> b & 1 == 1) {
                            let at = i * usize::from(width) + b;
                            bits[at / 8] |= 1 << (at % 8);
                        }
                    }
                    out.extend(bits);
                }
            }
        }
        out.into()
    }

    proptest! {
        #[test]
        fn any_mix_of_skips_and_reads_gives_the_encoded_values(
            width in 0_u8..=32,
            shape in prop::collection::vec((any::<bool>(), any::<u32>(), 1_usize..6), 1..8),
            steps in prop::collection::vec((any::<bool>(), 1_usize..40), 1..40),
        ) {
            let mask = ((1_u64 << width) - 1) as u32;
            let runs: Vec<_> = shape.into_iter().map(|(repeated, seed, n)| if repeated {
                Ok((seed & mask, n * 7))
            } else {
                let value = |i: usize| {
                    let i = (i as u32).wrapping_mul(40_503_017);
                    seed.wrapping_mul(2_654_435_761).wrapping_add(i) & mask
                };
                Err((0..n * 8).map(value).collect())
            }).collect();
            let values = |run: &Result<(u32, usize), Vec<u32>>| match run {
                Ok((value, times)) => vec![*value; *times],
                Err(values) => values.clone(),
            };
            let expected: Vec<u32> = runs.iter().flat_map(values).collect();
            let mut stream = Runs::new(encode(width, &runs), width).unwrap();
            let mut at = 0;
            for (skip, n) in steps {
                let n = n.min(expected.len() - at);
                if skip {
                    stream.skip(n).unwrap();
                } else {
                    let mut out = Vec::new();
                    stream.read(n, &mut out, |v| v).unwrap();
                    prop_assert_eq!(&out, &expected[at..at + n]);
                }
                at += n;
            }
        }

        #[test]
        fn no_bytes_make_it_panic(data: Vec<u8>, width in 0_u8..=40, n in 0_usize..10_000) {
            if let Ok(mut stream) = Runs::new(data.into(), width) {
                let _ = stream.read(n, &mut Vec::new(), |v| v);
            }
        }
    }
}
