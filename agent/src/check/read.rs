//! From the tree to the serde types, past every error.
//!
//! serde stops at the first error, so the tree is read again and again: each error is reported with its
//! place, the offending value replaced by a [`Value::Hole`] that reads as anything, and the reading
//! repeated until it succeeds. Which keys, words and ranges exist is known to the serde types alone.

use std::collections::btree_map;
use std::fmt::{self, Display};
use std::slice;

use serde::Deserialize;
use serde::de::value::StrDeserializer;
use serde::de::{DeserializeSeed, Deserializer, EnumAccess, Error, Expected, IntoDeserializer, MapAccess};
use serde::de::{SeqAccess, Unexpected, Visitor};
use serde::forward_to_deserialize_any;

use super::problem::{did_you_mean, nearest};
use super::tree::{Node, Path, Tree, Value};
use crate::config::Config;

/// More would only be scrolled past, and reading again for each has its price.
const MOST: usize = 500;

/// Reads the configuration, reporting everything that does not fit; `None` only beyond [`MOST`] errors.
pub(super) fn config(tree: &mut Tree) -> Option<Config> {
    for _ in 0..MOST {
        match Config::deserialize(Reader { node: &tree.root, path: Path::default() }) {
            Ok(config) => return Some(config),
            Err(fault) => mend(tree, fault)?,
        }
    }
    None
}

fn mend(tree: &mut Tree, Fault { path, what }: Fault) -> Option<()> {
    let path = path.unwrap_or_default();
    match what {
        What::UnknownKey { key, known } => {
            let help = did_you_mean(&key, known.iter().copied()).or_else(|| Some(known_words(known)));
            tree.reject_key(&path, "unknown key", help);
            // It is not missing then, only misspelt.
            if let Some(meant) = nearest(&key, known.iter().copied()) {
                tree.hole_if_missing(&path.sibling(meant));
            }
            Some(())
        }
        What::Missing { key } => {
            let path = path.key(key);
            if !(tree.partial && path.is_section()) {
                tree.report(&path, "missing, and there is no default", None);
            }
            tree.hole(&path).then_some(())
        }
        What::Wrong { message, help } => {
            tree.report(&path, message, help);
            tree.hole(&path).then_some(())
        }
    }
}

/// One error of serde, with the place it happened at as soon as that is known.
#[derive(Debug)]
struct Fault {
    path: Option<Path>,
    what: What,
}

#[derive(Debug)]
enum What {
    UnknownKey { key: String, known: &'static [&'static str] },
    Missing { key: &'static str },
    Wrong { message: String, help: Option<String> },
}

impl Fault {
    fn at(mut self, path: &Path) -> Self {
        self.path.get_or_insert_with(|| path.clone());
        self
    }

    fn wrong_type(expected: impl Display, found: &Value) -> Self {
        Self::custom(format_args!("expected {expected}, found {}", found.kind()))
    }
}

impl Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.what)
    }
}

impl std::error::Error for Fault {}

impl Error for Fault {
    fn custom<T: Display>(message: T) -> Self {
        Self { path: None, what: What::Wrong { message: message.to_string(), help: None } }
    }

    fn invalid_type(found: Unexpected<'_>, expected: &dyn Expected) -> Self {
        let found = match found {
            Unexpected::Bool(_) => "a boolean",
            Unexpected::Unsigned(_) | Unexpected::Signed(_) => "a whole number",
            Unexpected::Float(_) => "a number with a fraction",
            Unexpected::Str(_) => "a string",
            Unexpected::Seq => "an array",
            Unexpected::Map => "a table",
            _ => "something else",
        };
        // serde's own words for the types of fields, in a user's words.
        let expected = match expected.to_string().as_str() {
            "path string" => "a string".to_owned(),
            "f32" | "f64" => "a number".to_owned(),
            "a sequence" => "an array".to_owned(),
            "a map" => "a table".to_owned(),
            other => other.to_owned(),
        };
        Self::custom(format_args!("expected {expected}, found {found}"))
    }

    fn unknown_field(key: &str, known: &'static [&'static str]) -> Self {
        Self { path: None, what: What::UnknownKey { key: key.to_owned(), known } }
    }

    fn unknown_variant(word: &str, known: &'static [&'static str]) -> Self {
        let help = did_you_mean(word, known.iter().copied()).or_else(|| Some(known_words(known)));
        Self { path: None, what: What::Wrong { message: format!("unknown word `{word}`"), help } }
    }

    fn missing_field(key: &'static str) -> Self {
        Self { path: None, what: What::Missing { key } }
    }
}

fn known_words(known: &[&str]) -> String {
    format!("known: {}", known.join(", "))
}

/// Reads one node.
struct Reader<'t> {
    node: &'t Node,
    path: Path,
}

impl<'t> Deserializer<'t> for Reader<'t> {
    type Error = Fault;

    fn deserialize_any<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        let path = self.path;
        match &self.node.value {
            Value::Text(text) => visitor.visit_borrowed_str(text),
            Value::Integer(number) => match u64::try_from(*number) {
                Ok(number) => visitor.visit_u64(number),
                Err(_) => visitor.visit_i64(*number),
            },
            Value::Float(number) => visitor.visit_f64(*number),
            Value::Bool(truth) => visitor.visit_bool(*truth),
            Value::Time => Err(Fault::wrong_type("another type", &Value::Time)),
            Value::List(list) => {
                visitor.visit_seq(Entries { list: list.iter().enumerate(), path: path.clone() })
            }
            Value::Table(table) => {
                visitor.visit_map(Keys { table: table.iter(), current: None, path: path.clone() })
            }
            Value::Hole => visitor.visit_unit(),
        }
        .map_err(|fault| fault.at(&path))
    }

    fn deserialize_option<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Hole => visitor.visit_none(),
            _ => visitor.visit_some(self),
        }
    }

    fn deserialize_newtype_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        visitor: V,
    ) -> Result<V::Value, Fault> {
        visitor.visit_newtype_struct(self)
    }

    fn deserialize_bool<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Hole => visitor.visit_bool(false),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_f64<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Hole => visitor.visit_f64(1.0), // suits every condition on numbers
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_string<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        match (&self.node.value, &self.node.raw) {
            (Value::Hole, _) => visitor.visit_borrowed_str(""),
            (_, Some(raw)) => visitor.visit_borrowed_str(raw),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_str<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        self.deserialize_string(visitor)
    }

    fn deserialize_seq<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        match self.node.value {
            Value::Hole => visitor.visit_seq(Entries { list: [].iter().enumerate(), path: self.path }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_map<V: Visitor<'t>>(self, visitor: V) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Hole => visitor.visit_map(Holes { keys: [].iter(), node: self.node }),
            _ => self.deserialize_any(visitor),
        }
    }

    fn deserialize_struct<V: Visitor<'t>>(
        self,
        _: &'static str,
        keys: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        match &self.node.value {
            Value::Hole => visitor.visit_map(Holes { keys: keys.iter(), node: self.node }),
            Value::Table(_) => self.deserialize_any(visitor),
            other => Err(Fault::wrong_type("a table", other).at(&self.path)),
        }
    }

    fn deserialize_enum<V: Visitor<'t>>(
        self,
        _: &'static str,
        words: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Fault> {
        let word = match &self.node.value {
            Value::Hole => words.first().copied().unwrap_or_default(),
            Value::Text(word) => word,
            other => {
                let expected = format_args!("one of \"{}\"", words.join("\", \"")).to_string();
                return Err(Fault::wrong_type(expected, other).at(&self.path));
            }
        };
        visitor.visit_enum(Word(word)).map_err(|fault| fault.at(&self.path))
    }

    forward_to_deserialize_any! {
        <V: Visitor<'t>>
        i8 i16 i32 i64 i128 u8 u16 u32 u64 u128 f32 char bytes byte_buf unit unit_struct tuple tuple_struct
        identifier ignored_any
    }
}

/// The entries of a list.
struct Entries<'t> {
    list: std::iter::Enumerate<slice::Iter<'t, Node>>,
    path: Path,
}

impl<'t> SeqAccess<'t> for Entries<'t> {
    type Error = Fault;

    fn next_element_seed<T: DeserializeSeed<'t>>(&mut self, seed: T) -> Result<Option<T::Value>, Fault> {
        let Some((i, node)) = self.list.next() else { return Ok(None) };
        let path = self.path.index(i);
        seed.deserialize(Reader { node, path: path.clone() }).map(Some).map_err(|fault| fault.at(&path))
    }
}

/// The keys of a table.
struct Keys<'t> {
    table: btree_map::Iter<'t, String, Node>,
    current: Option<(&'t String, &'t Node)>,
    path: Path,
}

impl<'t> MapAccess<'t> for Keys<'t> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        self.current = self.table.next();
        let Some((key, _)) = self.current else { return Ok(None) };
        let name: StrDeserializer<'t, Fault> = key.as_str().into_deserializer();
        seed.deserialize(name).map(Some).map_err(|fault| fault.at(&self.path.key(key)))
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        let (key, node) = self.current.take().ok_or_else(|| Fault::custom("a value without a key"))?;
        let path = self.path.key(key);
        seed.deserialize(Reader { node, path: path.clone() }).map_err(|fault| fault.at(&path))
    }
}

/// A table in which every key has a hole.
struct Holes<'t> {
    keys: slice::Iter<'static, &'static str>,
    node: &'t Node,
}

impl<'t> MapAccess<'t> for Holes<'t> {
    type Error = Fault;

    fn next_key_seed<K: DeserializeSeed<'t>>(&mut self, seed: K) -> Result<Option<K::Value>, Fault> {
        let Some(key) = self.keys.next() else { return Ok(None) };
        let name: StrDeserializer<'t, Fault> = key.into_deserializer();
        seed.deserialize(name).map(Some)
    }

    fn next_value_seed<V: DeserializeSeed<'t>>(&mut self, seed: V) -> Result<V::Value, Fault> {
        seed.deserialize(Reader { node: self.node, path: Path::default() })
    }
}

/// A word that names the variant of an enum.
struct Word<'t>(&'t str);

impl<'t> EnumAccess<'t> for Word<'t> {
    type Error = Fault;
    type Variant = <StrDeserializer<'t, Fault> as EnumAccess<'t>>::Variant;

    fn variant_seed<V: DeserializeSeed<'t>>(self, seed: V) -> Result<(V::Value, Self::Variant), Fault> {
        let word: StrDeserializer<'t, Fault> = self.0.into_deserializer();
        word.variant_seed(seed)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    fn read(text: &str) -> (Option<Config>, Vec<String>) {
        let mut tree = Tree::new();
        tree.add_file("f", text);
        let config = config(&mut tree);
        (config, tree.into_problems().0.iter().map(ToString::to_string).collect())
    }

    #[test]
    fn whatever_is_wrong_there_is_a_config_to_go_on_with() {
        let (config, problems) =
            read("mqtt = 1\nalert = []\nstream = 2\ntask = [3]\n[gateway]\nworkers = 'x'");
        assert!(config.is_some());
        assert_eq!(
            problems,
            [
                "f:1:8: mqtt: expected a table, found a whole number",
                "f:2:9: alert: expected a table, found an array",
                "f:3:10: stream: expected an array, found a whole number",
                "f:4:9: task[0]: expected a table, found a whole number",
                "f:6:11: gateway.workers: expected a whole number from 1 to 64, found a string",
            ]
        );
    }

    #[test]
    fn types_are_told_in_a_users_words() {
        let (_, problems) = read(
            "[mqtt]\nurl = 5\nca_file = 1\ninsecure = 'yes'\n[alert]\nthreshold = 'x'\n[[stream]]\nname = 1979-05-27\n\
             topic = ['a']\npayload = 'jsno'\nchannels = 1\n[[task]]\nname = ''\nlearn = 1\nwarm_up = 1.5\nchannels = ''",
        );
        assert_eq!(
            problems,
            [
                "f:2:7: mqtt.url: expected a string, found a whole number",
                "f:3:11: mqtt.ca_file: expected a string, found a whole number",
                "f:4:12: mqtt.insecure: expected a boolean, found a string",
                "f:6:13: alert.threshold: expected a number, found a string",
                "f:8:8: stream[0].name: expected another type, found a date or time",
                "f:9:9: stream[0].topic: expected a string, found an array",
                "f:10:11: stream[0].payload: unknown word `jsno`; did you mean `json`?",
                "f:11:12: stream[0].channels: expected a table, found a whole number",
                "f:14:9: task[0].learn: expected one of \"anomaly\", \"forecast\", \"regression\", \
                 \"classification\", \"clusters\", \"pattern\", \"remaining_life\", found a whole number",
                "f:15:11: task[0].warm_up: expected a whole number from 1 to 1000000, found a number with a fraction",
                "f:16:12: task[0].channels: expected an array, found a string",
            ]
        );
    }

    #[test]
    fn what_is_misspelt_is_not_missing_too() {
        let (config, problems) =
            read("[mqtt]\nulr = 'x'\n[[stream]]\nnme = 'a'\ntopic = 'a'\nqos = 99999999999999999999");
        assert!(config.is_some());
        assert_eq!(
            problems,
            [
                "f:2:1: mqtt.ulr: unknown key; did you mean `url`?",
                "f:4:1: stream[0].nme: unknown key; did you mean `name`?",
                "f:6:7: stream[0].qos: must be 0 to 1, not 9223372036854775807",
            ]
        );
    }

    #[test]
    fn a_flood_of_errors_ends() {
        let (config, problems) = read(&(0..600).map(|i| format!("k{i} = 1\n")).collect::<String>());
        assert!(config.is_none());
        assert_eq!(problems.len(), MOST);
    }
}
