//! Checks folders against a pattern: whether they fit it, which folders a partition may have in
//! place of its own, and the pattern that would fit.

use std::collections::BTreeSet;

use super::super::is_data;
use super::{Partitioning, Piece, Width, is_clear, take};
use cohort_core::Timestamp;

impl Piece {
    /// Whether this is a field without leading zeros.
    pub(super) const fn is_bare(&self) -> bool {
        matches!(
            self,
            Self::Month(Width::Bare)
                | Self::Day(Width::Bare)
                | Self::DayOfYear(Width::Bare)
                | Self::Hour(Width::Bare)
                | Self::Minute(Width::Bare)
        )
    }

    /// Whether what the piece stands for begins with a digit.
    pub(super) fn begins_with_digit(&self) -> bool {
        match self {
            Self::Text(text) => text.starts_with(|c: char| c.is_ascii_digit()),
            _ => true,
        }
    }

    /// The same field with leading zeros if it has none, and without if it has.
    fn other_width(&self) -> Option<Self> {
        let other = |width: &Width| match width {
            Width::Padded => Width::Bare,
            Width::Bare => Width::Padded,
        };
        Some(match self {
            Self::Text(_) | Self::Year => return None,
            Self::Month(width) => Self::Month(other(width)),
            Self::Day(width) => Self::Day(other(width)),
            Self::DayOfYear(width) => Self::DayOfYear(other(width)),
            Self::Hour(width) => Self::Hour(other(width)),
            Self::Minute(width) => Self::Minute(other(width)),
        })
    }

    fn fits(&self, rest: &mut &str) -> Option<()> {
        let (digits, width, range) = match self {
            Self::Text(text) => {
                *rest = rest.strip_prefix(text.as_str())?;
                return Some(());
            }
            Self::Year => (4, Width::Padded, 1..=9999),
            Self::Month(width) => (2, *width, 1..=12),
            Self::Day(width) => (2, *width, 1..=31),
            Self::DayOfYear(width) => (3, *width, 1..=366),
            Self::Hour(width) => (2, *width, 0..=23),
            Self::Minute(width) => (2, *width, 0..=59),
        };
        let zeros = width == Width::Bare && rest.len() > 1 && rest.starts_with('0');
        let next_is_digit = rest.as_bytes().get(1).is_some_and(u8::is_ascii_digit);
        let number = take(rest, digits, width)?;
        (range.contains(&number) && !(zeros && next_is_digit)).then_some(())
    }
}

impl Partitioning {
    /// What the folders on a level mean, the first being level 0: one that fits, or `None` if there
    /// are none or no more levels. Hidden folders do not count, unless one fits.
    ///
    /// # Errors
    /// The first folder, if none fits.
    pub fn fitting_folder(
        &self,
        level: usize,
        folders: &[String],
    ) -> Result<Option<String>, String> {
        let levels = self.levels();
        let Some(pieces) = levels.get(level) else { return Ok(None) };
        let counts = |folder: &&String| is_data(folder) || fits(pieces, folder);
        let mut folders: Vec<_> = folders.iter().filter(counts).collect();
        folders.sort_unstable();
        let Some(first) = folders.first() else { return Ok(None) };
        match folders.iter().find(|folder| fits(pieces, folder)) {
            Some(folder) => Ok(Some((*folder).clone())),
            None => Err((*first).clone()),
        }
    }

    /// The folders of the partition that holds an instant, level by level: on each its own, then
    /// those that differ from it only by leading zeros.
    pub fn twins(&self, at: Timestamp) -> Vec<Vec<String>> {
        let start = self.granularity.floor(at.civil());
        let levels = self.levels().into_iter().map(|pieces| {
            let mut names = vec![String::new()];
            for (i, piece) in pieces.iter().enumerate() {
                let mut ways = vec![piece.clone()];
                // Without leading zeros, a digit that follows would be taken for one of the number.
                if !pieces.get(i + 1).is_some_and(Piece::begins_with_digit) {
                    ways.extend(piece.other_width());
                }
                let longer = names.iter().flat_map(|name| {
                    ways.iter().map(move |piece| {
                        let mut name = name.clone();
                        piece.push(&mut name, start);
                        name
                    })
                });
                let mut longer: Vec<_> = longer.collect();
                let mut seen = BTreeSet::new();
                longer.retain(|name| seen.insert(name.clone()));
                names = longer;
            }
            names
        });
        levels.collect()
    }

    /// The pattern of the first so many levels, if that is one.
    pub fn above(&self, levels: usize) -> Option<Self> {
        let texts: Vec<&str> = self.pattern.split('/').take(levels).collect();
        texts.join("/").parse().ok()
    }

    /// The pieces of each level of folders.
    fn levels(&self) -> Vec<Vec<Piece>> {
        let mut levels = vec![Vec::new()];
        for piece in &self.pieces {
            let Piece::Text(text) = piece else {
                levels.last_mut().into_iter().for_each(|level| level.push(piece.clone()));
                continue;
            };
            for (i, part) in text.split('/').enumerate() {
                if i > 0 {
                    levels.push(Vec::new());
                }
                if !part.is_empty() {
                    let part = Piece::Text(part.to_owned());
                    levels.last_mut().into_iter().for_each(|level| level.push(part.clone()));
                }
            }
        }
        // A pattern ends with a slash, and after it comes no folder.
        levels.retain(|level| !level.is_empty());
        levels
    }

    /// The pattern that fits all folders that are there: those of each level, and some whole paths
    /// of them. It is this one with other leading zeros, or whichever is evident.
    pub fn fitting(&self, levels: &[BTreeSet<String>], paths: &[String]) -> Option<Self> {
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        self.with_zeros_of(levels).or_else(|| {
            let proposed = Self::proposed(&paths)?.pattern;
            proposed.with_zeros_of(levels)
        })
    }

    /// The same pattern, with leading zeros where these folders have some; `None` if no such
    /// pattern fits them all.
    fn with_zeros_of(&self, levels: &[BTreeSet<String>]) -> Option<Self> {
        let texts = self.pattern.split('/').enumerate().map(|(level, text)| {
            let Some(folders) = levels.get(level) else { return Some(text.to_owned()) };
            ways(text).into_iter().find(|way| {
                // On its own, a level of a pattern may lack what makes it one.
                let Ok(pieces) = super::pieces(way, way) else { return false };
                is_clear(&pieces) && folders.iter().all(|folder| fits(&pieces, folder))
            })
        });
        texts.collect::<Option<Vec<_>>>()?.join("/").parse().ok()
    }
}

/// One level of a pattern with every choice of leading zeros: first as it is, then with none.
fn ways(text: &str) -> Vec<String> {
    let whole = text.replace("%F", "%Y-%m-%d");
    let mut ways = vec![String::new()];
    let mut rest = whole.as_str();
    while let Some(at) = rest.find('%') {
        let (before, field) = rest.split_at(at);
        let bare = field.starts_with("%-");
        let length = if bare { 3 } else { 2 }.min(field.len());
        let letter = &field[length - 1..length];
        let mut fields = vec![field[..length].to_owned()];
        if "mdjHM".contains(letter) {
            fields = vec![format!("%-{letter}"), format!("%{letter}")];
        }
        let longer = ways
            .iter()
            .flat_map(|way| fields.iter().map(move |field| format!("{way}{before}{field}")));
        ways = longer.collect();
        rest = &field[length..];
    }
    ways.iter_mut().for_each(|way| way.push_str(rest));
    ways.insert(0, text.to_owned());
    ways
}

fn fits(pieces: &[Piece], folder: &str) -> bool {
    let mut rest = folder;
    pieces.iter().all(|piece| piece.fits(&mut rest).is_some()) && rest.is_empty()
}
