//! JSON that names each key once, and may have comments. The usual readers keep the last of two
//! equal keys, which hides a mistake.

use std::fmt;

use jsonc_parser::tokens::Token;
use jsonc_parser::{Scanner, ScannerOptions};
use serde::de::{DeserializeSeed, Deserializer, Error as _, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};

use super::Fault;

/// The longest text that is read. A value in memory is up to 20 times as large as its text.
const BYTES_MAX: usize = 4 << 20;

/// Reads one JSON value and nothing after it but comments.
pub(super) fn value(text: &str) -> Result<Value, Fault> {
    if text.len() > BYTES_MAX {
        let reason = format!("{} bytes, more than the {BYTES_MAX} that are read", text.len());
        return Err(Fault::NotJson { reason });
    }
    let text = without_comments(text);
    let mut reader = serde_json::Deserializer::from_str(&text);
    let read = Strict.deserialize(&mut reader).and_then(|value| reader.end().map(|()| value));
    read.map_err(|error| Fault::NotJson { reason: error.to_string() })
}

/// The text with a blank for every byte of a comment, line feeds aside, so that everything else
/// keeps its line and column.
///
/// What is no JSON with comments stays as it is, from there on, and the reader complains about it.
fn without_comments(text: &str) -> String {
    let mut blanked = String::with_capacity(text.len());
    let mut scanner = Scanner::new(text, &ScannerOptions::default());
    while let Ok(Some(token)) = scanner.scan() {
        if let Token::CommentLine(_) | Token::CommentBlock(_) = token {
            let (start, end) = (scanner.token_start(), scanner.token_end());
            blanked.push_str(&text[blanked.len()..start]);
            let comment = text[start..end].bytes();
            blanked.extend(comment.map(|byte| if byte == b'\n' { '\n' } else { ' ' }));
        }
    }
    blanked.push_str(&text[blanked.len()..]);
    blanked
}

struct Strict;

impl<'de> DeserializeSeed<'de> for Strict {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, from: D) -> Result<Value, D::Error> {
        from.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Strict {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(Value::Number(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(Value::String(value.to_owned()))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let mut array = Vec::new();
        while let Some(item) = items.next_element_seed(Self)? {
            array.push(item);
        }
        Ok(Value::Array(array))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut entries: A) -> Result<Value, A::Error> {
        let mut object = Map::new();
        while let Some(key) = entries.next_key::<String>()? {
            let value = entries.next_value_seed(Self)?;
            if object.contains_key(&key) {
                return Err(A::Error::custom(format!("the key {key:?} twice in one object")));
            }
            object.insert(key, value);
        }
        Ok(Value::Object(object))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reason(text: &str) -> String {
        match value(text) {
            Err(Fault::NotJson { reason }) => reason,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn comments_are_passed_over_wherever_a_blank_may_be() {
        let text = "// é\n{ /* a \" b */ \"a\" // x\r\n : /**/ [1, /* \n // */ 2] }//end";
        assert_eq!(value(text).unwrap(), serde_json::json!({"a": [1, 2]}));
    }

    #[test]
    fn a_comment_inside_a_string_is_text() {
        let text = r#"{"uri": "s3://lake/*/x", "b": "\"// no */"}"#;
        let expected = serde_json::json!({"uri": "s3://lake/*/x", "b": "\"// no */"});
        assert_eq!(value(text).unwrap(), expected);
    }

    #[test]
    fn faults_keep_their_line_and_column_behind_comments() {
        let plain = "{\n\n   \"a\": 1, \"a\": 2}";
        let commented = "{//x\n/*y\n*/ \"a\": 1, \"a\": 2}";
        assert!(reason(plain).ends_with(" at line 3 column 18"), "{}", reason(plain));
        assert_eq!(reason(plain), reason(commented));
    }

    #[test]
    fn nothing_else_of_other_dialects_is_read() {
        for text in [
            "{'a': 1}",
            "{a: 1}",
            "{\"a\": 1,}",
            "[0x1]",
            "[+1]",
            "[.5]",
            "[NaN]",
            "# a\n{}",
            "{} /* never closed",
            "{\"a\": \"\\x41\"}",
            "{} / comment",
            "{\"a\": 1 \"b\": 2}",
        ] {
            assert!(value(text).is_err(), "{text}");
        }
    }
}
