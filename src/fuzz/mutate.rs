//! Seeded mutations: of single bytes, of stretches, and most of all of a Parquet file's footer,
//! where each byte says most.

/// A small generator of pseudo-random numbers: SplitMix64.
#[derive(Clone, Debug)]
pub(super) struct Dice(u64);

/// Bytes that mean something in many encodings.
const TELLING: [u8; 12] = [0, 1, 2, 8, 0x15, 0x7f, 0x80, 0x81, 0xf0, 0xfc, 0xfe, 0xff];

impl Dice {
    /// The numbers of a seed.
    pub(super) const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A number below `of`, which is not 0.
    pub(super) fn below(&mut self, of: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        ((mixed ^ (mixed >> 31)) % of as u64) as usize
    }

    /// A few changes of a seed. `other` is another one, from which stretches are taken.
    pub(super) fn mutated(&mut self, seed: &[u8], other: &[u8]) -> Vec<u8> {
        let mut bytes = seed.to_vec();
        for _ in 0..=self.below(4) {
            self.change(&mut bytes, other);
        }
        bytes
    }

    fn change(&mut self, bytes: &mut Vec<u8>, other: &[u8]) {
        if bytes.is_empty() {
            bytes.extend_from_slice(other);
            return;
        }
        // The footer of a Parquet file, without its length and magic, or all of it.
        let footer = footer(bytes);
        let among = match footer {
            Some((from, to)) if self.below(3) > 0 => from..to,
            _ => 0..bytes.len(),
        };
        let at = among.start + self.below(among.len());
        let length = 1 + self.below(among.len().min(24));
        let end = (at + length).min(among.end);
        match self.below(12) {
            0..=2 => bytes[at] ^= 1 << self.below(8),
            3..=5 => bytes[at] = TELLING[self.below(TELLING.len())],
            6 => bytes[at] = self.below(256) as u8,
            7 => bytes[at..end].fill(TELLING[self.below(TELLING.len())]),
            8 => self.resize(bytes, footer, (at, end), None),
            9 => {
                let from = self.below(other.len().max(1)).min(other.len());
                let piece = other[from..(from + length).min(other.len())].to_vec();
                self.resize(bytes, footer, (at, at), Some(piece));
            }
            10 => {
                let from = self.below(bytes.len());
                let piece = bytes[from..(from + length).min(bytes.len())].to_vec();
                bytes[at..end].iter_mut().zip(piece).for_each(|(byte, new)| *byte = new);
            }
            _ => {
                let keep = self.below(bytes.len());
                // Mostly a truncated file is only that. Sometimes its end is kept.
                let tail = bytes.len() - bytes.len().min(self.below(2) * 8);
                let tail = bytes.split_off(tail);
                bytes.truncate(keep);
                bytes.extend(tail);
            }
        }
    }

    /// Puts a piece in the place of some bytes. The footer's length follows, or nothing past it
    /// would be looked at.
    fn resize(
        &self,
        bytes: &mut Vec<u8>,
        footer: Option<(usize, usize)>,
        (from, to): (usize, usize),
        piece: Option<Vec<u8>>,
    ) {
        bytes.splice(from..to, piece.unwrap_or_default());
        if let Some((begin, _)) = footer.filter(|(begin, _)| from >= *begin)
            && let Some(length) = bytes.len().checked_sub(begin + 8)
        {
            let at = begin + length;
            bytes[at..at + 4].copy_from_slice(&(length as u32).to_le_bytes());
        }
    }
}

fn footer(bytes: &[u8]) -> Option<(usize, usize)> {
    let end = bytes.len().checked_sub(8).filter(|_| bytes.ends_with(b"PAR1"))?;
    let length = u32::from_le_bytes(*bytes[end..].first_chunk()?) as usize;
    let begin = end.checked_sub(length).filter(|&begin| begin < end)?;
    Some((begin, end))
}
