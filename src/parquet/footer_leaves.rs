//! The leaf columns of a footer's schema, each by its path, and how deep its groups lie in one
//! another.

use super::thrift::{BINARY, I32, Input, STRUCT};

/// Structs and lists of the schema that may lie in one another.
const DEPTH_MAX: u8 = 32;

/// The columns of a schema.
#[derive(Debug, Default)]
pub(super) struct Leaves<'a> {
    /// The name of each element, and the place of the group that it lies in.
    elements: Vec<(&'a [u8], Option<usize>)>,
    /// The places of the leaves.
    leaves: Vec<usize>,
    /// How many groups lie in one another.
    pub depth: usize,
}

impl<'a> Leaves<'a> {
    /// The columns of the list of elements that comes next.
    pub(super) fn read(input: &mut Input<'a>) -> Option<Self> {
        let mut found = Self::default();
        // The groups that are open, and how many columns each still has to have.
        let mut open: Vec<(usize, i32)> = Vec::new();
        input.list(|input, kind| {
            let (mut name, mut columns, mut has_type) = (&[][..], 0, false);
            if kind != STRUCT {
                return None;
            }
            input.fields(|input, id, kind| {
                match (id, kind) {
                    (1, I32) => {
                        has_type = true;
                        input.number()?;
                    }
                    (4, BINARY) => name = input.binary()?,
                    (5, I32) => columns = input.number()?,
                    _ => input.skip(kind, DEPTH_MAX)?,
                }
                Some(())
            })?;
            while open.pop_if(|(_, left)| *left <= 0).is_some() {}
            let group = open.last_mut().map(|(place, left)| {
                *left -= 1;
                *place
            });
            let place = found.elements.len();
            // Some writers give columns children, namely 0.
            if group.is_some() && has_type && columns == 0 {
                found.leaves.push(place);
            }
            found.elements.push((name, group));
            open.push((place, columns));
            found.depth = found.depth.max(open.len());
            Some(())
        })?;
        Some(found)
    }

    /// Whether the path that comes next is this leaf's, or that path in words. A leaf that the
    /// schema does not have may have any.
    pub(super) fn check(&self, leaf: usize, input: &mut Input<'a>) -> Option<Result<(), String>> {
        let mut path: Vec<&[u8]> = Vec::new();
        input.list(|input, kind| {
            if kind != BINARY {
                return input.skip(kind, DEPTH_MAX);
            }
            path.push(input.binary()?);
            Some(())
        })?;
        let Some(&place) = self.leaves.get(leaf) else { return Some(Ok(())) };
        let mut at = place;
        let mut is_own = !path.is_empty();
        for part in path.iter().rev() {
            let (name, group) = self.elements.get(at)?;
            is_own &= name == part && group.is_some();
            at = group.unwrap_or_default();
        }
        // The first element is the root, which is no part of a path.
        let words = path.iter().map(|part| String::from_utf8_lossy(part)).collect::<Vec<_>>();
        Some(if is_own && at == 0 { Ok(()) } else { Err(words.join(".")) })
    }
}

#[cfg(test)]
mod tests {
    use super::super::thrift::Output;
    use super::*;

    fn element(name: &str, physical: Option<i32>, children: Option<i32>) -> Vec<u8> {
        let mut out = Vec::new();
        let mut output = Output::new(&mut out);
        if let Some(physical) = physical {
            output.number(1, physical);
        }
        output.binary(4, name.as_bytes());
        if let Some(children) = children {
            output.number(5, children);
        }
        output.end();
        out
    }

    fn list(parts: &[&str]) -> Vec<u8> {
        let mut out = vec![0xf0 | BINARY, parts.len() as u8];
        for part in parts {
            out.push(part.len() as u8);
            out.extend(part.as_bytes());
        }
        out
    }

    #[test]
    fn a_path_is_that_of_its_own_leaf_alone() {
        let elements = [
            element("schema", None, Some(4)),
            element("a", Some(6), None),
            element("list", None, Some(1)),
            element("list", None, Some(1)),
            element("element", Some(5), Some(0)),
            element("empty", None, Some(0)),
            element("b", Some(6), None),
        ];
        let mut bytes = vec![0xf0 | STRUCT, elements.len() as u8];
        elements.iter().for_each(|element| bytes.extend(element));
        let leaves = Leaves::read(&mut Input::new(&bytes)).unwrap();
        assert_eq!(leaves.depth, 4);
        let own: [&[&str]; 3] = [&["a"], &["list", "list", "element"], &["b"]];
        for leaf in 0..4 {
            for (other, path) in own.iter().enumerate() {
                let path = list(path);
                let checked = leaves.check(leaf, &mut Input::new(&path)).unwrap();
                assert_eq!(checked.is_ok(), leaf == other || leaf == 3, "{leaf} {other}");
            }
        }
        for path in [&["list", "element"][..], &["element"], &["schema", "a"], &[], &["a", "a"]] {
            let bytes = list(path);
            for leaf in 0..3 {
                let checked = leaves.check(leaf, &mut Input::new(&bytes)).unwrap();
                assert_eq!(checked, Err(path.join(".")), "{leaf}");
            }
        }
    }
}
