//! Checks folders against a pattern, if none of the partitions that a run needs is there.

use super::super::is_data;
use super::{Partitioning, Piece, Width, take};

/// A folder that fits no partition, and no other on its level does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Misfit {
    /// The folder, relative to the dataset's URI.
    pub folder: String,
    /// The pattern that would fit it, if it is evident.
    pub pattern: Option<String>,
}

/// Patterns that writers use, tried in this order in place of one that does not fit.
const USUAL: [&str; 7] = ["%Y%m%d", "%F", "%Y-%m", "%Y%m", "%Y-%-m-%-d", "%Y", "%Y%j"];

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
    /// What the folders on a level mean, the first being level 0. `along` is the path of folders
    /// that leads there, with a slash at its end. Hidden folders do not count, unless one fits.
    ///
    /// # Errors
    /// The first folder, if none fits.
    pub fn fitting_folder(
        &self,
        level: usize,
        along: &str,
        folders: &[String],
    ) -> Result<Option<String>, Misfit> {
        let levels = self.levels();
        let Some(pieces) = levels.get(level) else { return Ok(None) };
        let counts = |folder: &&String| is_data(folder) || fits(pieces, folder);
        let mut folders: Vec<_> = folders.iter().filter(counts).collect();
        folders.sort_unstable();
        let Some(first) = folders.first() else { return Ok(None) };
        match folders.iter().find(|folder| fits(pieces, folder)) {
            Some(folder) => Ok(Some((*folder).clone())),
            None => {
                let pattern = self.fitting(level, first);
                Err(Misfit { folder: format!("{along}{first}"), pattern })
            }
        }
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

    /// The pattern with another one on a level, so that it fits the folder there.
    fn fitting(&self, level: usize, folder: &str) -> Option<String> {
        let levels: Vec<_> = self.pattern.split('/').collect();
        let this = levels.get(level)?;
        // The level's own fields first, on this level and below, without leading zeros.
        let bare = |text: &str| {
            let fields = ["m", "d", "j", "H", "M"];
            fields.iter().fold(text.to_owned(), |text, field| {
                text.replace(&format!("%{field}"), &format!("%-{field}"))
            })
        };
        let with = |this: String, below: &dyn Fn(&str) -> String| {
            let above = levels[..level].iter().map(|&text| text.to_owned());
            let below = levels[level + 1..].iter().map(|&text| below(text));
            above.chain([this]).chain(below).collect::<Vec<_>>().join("/")
        };
        let bare_this = with(bare(this), &bare);
        let (key, value) = folder.split_once('=').map_or(("", folder), |(key, value)| (key, value));
        let key = if key.is_empty() { String::new() } else { format!("{key}=") };
        let usual = USUAL.iter().filter(|usual| {
            let pieces = usual.parse::<Self>().map(|usual| usual.levels());
            pieces.is_ok_and(|levels| levels.first().is_some_and(|pieces| fits(pieces, value)))
        });
        let usual = usual.map(|usual| with(format!("{key}{usual}"), &str::to_owned));
        std::iter::once(bare_this).chain(usual).find(|pattern| {
            let parsed = pattern.parse::<Self>();
            parsed.is_ok_and(|parsed| {
                parsed.levels().get(level).is_some_and(|pieces| fits(pieces, folder))
            })
        })
    }
}

fn fits(pieces: &[Piece], folder: &str) -> bool {
    let mut rest = folder;
    pieces.iter().all(|piece| piece.fits(&mut rest).is_some()) && rest.is_empty()
}
