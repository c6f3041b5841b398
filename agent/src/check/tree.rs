//! All configuration files and the environment as one tree in which every value knows where it was written.

use std::collections::BTreeMap;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use super::expand::expanded;
pub(super) use super::path::{Path, Step};
use super::problem::{Problem, Problems};

/// The environment, or what a test takes for it.
pub(super) type Env = BTreeMap<String, String>;

/// Overrides are `BROOKLET_A__B`, `BROOKLET_STREAM__0__TOPIC`.
const PREFIX: &str = "BROOKLET_";
/// Not a key: it must not reach the tree, whose values may be shown.
pub(super) const PASSWORD: &str = "BROOKLET_MQTT__PASSWORD";

/// The merged configuration and what was found wrong with it so far.
pub(super) struct Tree {
    /// A table.
    pub(super) root: Node,
    /// A file could not be read or parsed: what seems to be missing may be in there.
    pub(super) partial: bool,
    sources: Vec<Source>,
    problems: Vec<(Place, Problem)>,
}

struct Source {
    name: String,
    /// Empty if positions in it mean nothing (a variable, an argument).
    text: String,
}

/// A position in a source, in bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Place {
    source: usize,
    offset: usize,
}

pub(super) struct Node {
    /// Where its key is; for an entry of a list, where it starts.
    key: Place,
    /// Where it starts; the header if a table has one.
    at: Place,
    /// As it was written, if the environment said it: `5` may be meant as text.
    pub(super) raw: Option<String>,
    pub(super) value: Value,
}

pub(super) enum Value {
    Text(String),
    Integer(i64),
    Float(f64),
    Bool(bool),
    Time,
    List(Vec<Node>),
    Table(BTreeMap<String, Node>),
    /// In the place of a value already reported as wrong: it reads as whatever is asked for, and nothing
    /// more is reported about it.
    Hole,
}

impl Value {
    /// With its article, for messages. The value itself is not shown: it may be a misplaced secret.
    pub(super) const fn kind(&self) -> &'static str {
        match self {
            Self::Text(_) => "a string",
            Self::Integer(_) => "a whole number",
            Self::Float(_) => "a number with a fraction",
            Self::Bool(_) => "a boolean",
            Self::Time => "a date or time",
            Self::List(_) => "an array",
            Self::Table(_) => "a table",
            Self::Hole => "nothing",
        }
    }
}

impl Node {
    fn child(&self, step: &Step) -> Option<&Self> {
        match (&self.value, step) {
            (Value::Table(table), Step::Key(key)) => table.get(key),
            (Value::List(list), Step::Index(index)) => list.get(*index),
            _ => None,
        }
    }

    fn child_mut(&mut self, step: &Step) -> Option<&mut Self> {
        match (&mut self.value, step) {
            (Value::Table(table), Step::Key(key)) => table.get_mut(key),
            (Value::List(list), Step::Index(index)) => list.get_mut(*index),
            _ => None,
        }
    }

    /// Tables join, arrays of tables append, everything else is replaced.
    fn merge(&mut self, other: Self) {
        let tables = |list: &[Self]| list.iter().all(|node| matches!(node.value, Value::Table(_)));
        match (&mut self.value, other.value) {
            (Value::Table(mine), Value::Table(theirs)) => {
                for (key, node) in theirs {
                    match mine.get_mut(&key) {
                        Some(own) => own.merge(node),
                        None => {
                            mine.insert(key, node);
                        }
                    }
                }
            }
            (Value::List(mine), Value::List(theirs)) if tables(mine) && tables(&theirs) => {
                mine.extend(theirs)
            }
            (_, value) => *self = Self { value, ..other },
        }
    }
}

impl Tree {
    pub(super) fn new() -> Self {
        let start = Place { source: 0, offset: 0 };
        let root = Node { key: start, at: start, raw: None, value: Value::Table(BTreeMap::new()) };
        Self { root, partial: false, sources: Vec::new(), problems: Vec::new() }
    }

    /// Merges a file; on syntax errors it is left out and they are reported, the first of each line.
    pub(super) fn add_file(&mut self, name: &str, text: &str) {
        let source = self.source(name, text);
        let (root, errors) = DeTable::parse_recoverable(text);
        let mut last_line = 0;
        for error in &errors {
            let place = Place { source, offset: error.span().map_or(text.len(), |span| span.start) };
            let (line, _) = self.line_and_column(place);
            if line != last_line {
                self.push(place, &Path::default(), error.message().to_owned(), None);
            }
            last_line = line;
        }
        if !errors.is_empty() {
            self.partial = true;
            return;
        }
        let at = Place { source, offset: 0 };
        let root = DeValue::Table(root.into_inner());
        self.root.merge(node(Spanned::new(0..0, root), at, source));
    }

    /// Notes a file that could not be read.
    pub(super) fn unreadable(&mut self, name: &str, why: &std::io::Error) {
        let place = Place { source: self.source(name, ""), offset: 0 };
        self.push(place, &Path::default(), format!("cannot be read: {why}"), None);
        self.partial = true;
    }

    /// Puts `BROOKLET_A__B=value` over `a.b`, for all of them. Variables without `__` are none of ours.
    pub(super) fn add_env(&mut self, env: &Env) {
        for (name, text) in env {
            let Some(keys) = name.strip_prefix(PREFIX).filter(|keys| keys.contains("__")) else { continue };
            if name == PASSWORD {
                continue;
            }
            let source = self.source(name, "");
            let at = Place { source, offset: 0 };
            let keys = keys.to_ascii_lowercase();
            let parsed = DeValue::parse(text).map(|value| node(value, at, source));
            let mut new =
                parsed.unwrap_or_else(|_| Node { key: at, at, raw: None, value: Value::Text(text.clone()) });
            new.raw = Some(text.clone());
            if let Err(why) = self.put(&keys.split("__").collect::<Vec<_>>(), at, new) {
                self.push(at, &Path::default(), why.to_owned(), None);
            }
        }
    }

    /// Puts a text at a key, as an argument of the command line does; its place is `name`.
    pub(super) fn set(&mut self, keys: &[&str], name: &str, text: &str) {
        let at = Place { source: self.source(name, ""), offset: 0 };
        let new = Node { key: at, at, raw: None, value: Value::Text(text.to_owned()) };
        if let Err(why) = self.put(keys, at, new) {
            self.push(at, &Path::default(), why.to_owned(), None);
        }
    }

    fn put(&mut self, keys: &[&str], at: Place, new: Node) -> Result<(), &'static str> {
        let mut node = &mut self.root;
        for (i, key) in keys.iter().enumerate() {
            let next_is_index = keys.get(i + 1).is_some_and(|next| next.parse::<usize>().is_ok());
            let empty = || {
                let value =
                    if next_is_index { Value::List(Vec::new()) } else { Value::Table(BTreeMap::new()) };
                Node { key: at, at, raw: None, value }
            };
            node = match &mut node.value {
                Value::Table(table) if !key.is_empty() => {
                    table.entry((*key).to_owned()).or_insert_with(empty)
                }
                Value::List(list) => {
                    let index: usize =
                        key.parse().map_err(|_| "this is an array: its entries are 0, 1, 2 ..")?;
                    if index == list.len() {
                        list.push(empty());
                    }
                    list.get_mut(index)
                        .ok_or("there is no such entry: the next free one would be the last + 1")?
                }
                _ => return Err("there is no such key to override"),
            };
        }
        *node = new;
        Ok(())
    }

    /// Replaces `${VAR}` and `${VAR:-default}` in all strings; `$${` stands for `${`. The environment's
    /// overrides are taken as they are.
    pub(super) fn expand(&mut self, env: &Env) {
        let mut found = Vec::new();
        expand(&mut self.root, &Path::default(), env, &mut found);
        for (path, why) in found {
            self.report(&path, why, None);
            self.hole(&path);
        }
    }

    /// Reports a problem with the value at `path`, or with the table it is missing from; not if that was
    /// reported as wrong already.
    pub(super) fn report(&mut self, path: &Path, message: impl Into<String>, help: Option<String>) {
        let mut node = &self.root;
        for step in &path.0 {
            let Some(child) = node.child(step) else { break };
            node = child;
        }
        if !matches!(node.value, Value::Hole) {
            self.push(node.at, path, message.into(), help);
        }
    }

    /// Reports the key at `path` and forgets it with its value.
    pub(super) fn reject_key(&mut self, path: &Path, message: &str, help: Option<String>) {
        let Some((Step::Key(key), parent)) = path.0.split_last() else { return };
        let parent = parent.iter().try_fold(&mut self.root, |node, step| node.child_mut(step));
        if let Some(Node { value: Value::Table(table), .. }) = parent
            && let Some(node) = table.remove(key)
        {
            self.push(node.key, path, message.to_owned(), help);
        }
    }

    /// Puts a hole at `path`, which may be a missing key; false if there was one or there is no such table.
    pub(super) fn hole(&mut self, path: &Path) -> bool {
        let Some((last, parents)) = path.0.split_last() else { return false };
        let Some(parent) = parents.iter().try_fold(&mut self.root, |node, step| node.child_mut(step)) else {
            return false;
        };
        if let Some(node) = parent.child_mut(last) {
            return !matches!(std::mem::replace(&mut node.value, Value::Hole), Value::Hole);
        }
        match (&mut parent.value, last) {
            (Value::Table(table), Step::Key(key)) => {
                let hole = Node { key: parent.at, at: parent.at, raw: None, value: Value::Hole };
                table.insert(key.clone(), hole).is_none()
            }
            _ => false,
        }
    }

    /// Puts a hole at `path` unless something is there.
    pub(super) fn hole_if_missing(&mut self, path: &Path) {
        if path.0.iter().try_fold(&self.root, |node, step| node.child(step)).is_none() {
            self.hole(path);
        }
    }

    /// Whether the value at `path`, or one around it, was reported as wrong.
    pub(super) fn is_hole(&self, path: &Path) -> bool {
        let mut node = Some(&self.root);
        for step in &path.0 {
            node = node.and_then(|node| node.child(step));
            if node.is_some_and(|node| matches!(node.value, Value::Hole)) {
                return true;
            }
        }
        false
    }

    /// `file:line` of the value at `path`, to point at it from elsewhere.
    pub(super) fn whereabouts(&self, path: &Path) -> String {
        let node = path.0.iter().try_fold(&self.root, |node, step| node.child(step));
        let place = node.unwrap_or(&self.root).at;
        let name = self.sources.get(place.source).map_or("", |source| &source.name);
        match self.line_and_column(place).0 {
            0 => name.to_owned(),
            line => format!("{name}:{line}"),
        }
    }

    pub(super) fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// What was reported, by source and position.
    pub(super) fn into_problems(mut self) -> Problems {
        self.problems.sort_by_key(|(place, _)| *place);
        Problems(self.problems.into_iter().map(|(_, problem)| problem).collect())
    }

    fn source(&mut self, name: &str, text: &str) -> usize {
        self.sources.push(Source { name: name.to_owned(), text: text.to_owned() });
        self.sources.len() - 1
    }

    fn push(&mut self, place: Place, path: &Path, message: String, help: Option<String>) {
        let file = self.sources.get(place.source).map_or_else(String::new, |source| source.name.clone());
        let (line, column) = self.line_and_column(place);
        self.problems.push((place, Problem { file, line, column, path: path.to_string(), message, help }));
    }

    /// Both counted from 1, columns in characters; 0 for a source without text.
    fn line_and_column(&self, place: Place) -> (usize, usize) {
        let Some(source) = self.sources.get(place.source).filter(|source| !source.text.is_empty()) else {
            return (0, 0);
        };
        let before = source.text.get(..place.offset).unwrap_or(&source.text);
        let line_start = before.rfind('\n').map_or(0, |end| end + 1);
        (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
    }
}

fn node(value: Spanned<DeValue<'_>>, key: Place, source: usize) -> Node {
    let place = |offset| Place { source, offset };
    let at = if key.offset == 0 && value.span() == (0..0) { key } else { place(value.span().start) };
    let value = match value.into_inner() {
        DeValue::String(text) => Value::Text(text.into_owned()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Integer(number),
            // Beyond 64 bits: out of every range.
            Err(_) => Value::Integer(if number.as_str().starts_with('-') { i64::MIN } else { i64::MAX }),
        },
        DeValue::Float(number) => Value::Float(number.as_str().parse().unwrap_or(f64::NAN)),
        DeValue::Boolean(truth) => Value::Bool(truth),
        DeValue::Datetime(_) => Value::Time,
        DeValue::Array(entries) => Value::List(
            entries
                .into_iter()
                .map(|entry| {
                    let start = place(entry.span().start);
                    node(entry, start, source)
                })
                .collect(),
        ),
        DeValue::Table(entries) => Value::Table(
            entries
                .into_iter()
                .map(|(key, value)| {
                    let start = place(key.span().start);
                    (key.into_inner().into_owned(), node(value, start, source))
                })
                .collect(),
        ),
    };
    Node { key, at, raw: None, value }
}

fn expand(node: &mut Node, path: &Path, env: &Env, found: &mut Vec<(Path, String)>) {
    match &mut node.value {
        Value::Text(text) if node.raw.is_none() && text.contains('$') => match expanded(text, env) {
            Ok(new) => *text = new,
            Err(why) => found.push((path.clone(), why)),
        },
        Value::List(list) => {
            for (i, child) in list.iter_mut().enumerate() {
                expand(child, &path.index(i), env, found);
            }
        }
        Value::Table(table) => {
            for (key, child) in table {
                expand(child, &path.key(key), env, found);
            }
        }
        _ => {}
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    fn env(pairs: &[(&str, &str)]) -> Env {
        pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
    }

    fn text(tree: &Tree, path: &Path) -> Option<String> {
        match &path.0.iter().try_fold(&tree.root, |node, step| node.child(step))?.value {
            Value::Text(text) => Some(text.clone()),
            Value::Integer(number) => Some(number.to_string()),
            _ => None,
        }
    }

    #[test]
    fn later_files_append_tables_and_replace_the_rest() {
        let mut tree = Tree::new();
        tree.add_file("a", "x = 1\nl = [1, 2]\n[t]\na = 1\n[[s]]\nn = 'one'");
        tree.add_file("b", "x = 2\nl = [3]\n[t]\nb = 2\n[[s]]\nn = 'two'");
        assert_eq!(text(&tree, &Path::of("x")).as_deref(), Some("2"));
        assert_eq!(text(&tree, &Path::of("l").index(0)).as_deref(), Some("3"));
        assert_eq!(text(&tree, &Path::of("l").index(1)), None);
        assert_eq!(text(&tree, &Path::of("t").key("a")).as_deref(), Some("1"));
        assert_eq!(text(&tree, &Path::of("s").index(1).key("n")).as_deref(), Some("two"));
        assert_eq!(tree.whereabouts(&Path::of("s").index(1).key("n")), "b:6");
    }

    #[test]
    fn the_environment_reaches_tables_and_entries() {
        let mut tree = Tree::new();
        tree.add_file("a", "[[s]]\nn = 'one'");
        tree.add_env(&env(&[
            ("BROOKLET_S__0__N", "two"),
            ("BROOKLET_S__1__N", "7"),
            ("BROOKLET_S__5__N", "x"),
            ("BROOKLET_LOG", "debug"),
            ("BROOKLET_MQTT__PASSWORD", "hunter2"),
            ("OTHER__N", "x"),
        ]));
        assert_eq!(text(&tree, &Path::of("s").index(0).key("n")).as_deref(), Some("two"));
        assert_eq!(text(&tree, &Path::of("s").index(1).key("n")).as_deref(), Some("7"));
        assert_eq!(text(&tree, &Path::of("mqtt").key("password")), None);
        let problems = tree.into_problems().0;
        assert_eq!(problems.len(), 1);
        assert_eq!((problems[0].file.as_str(), problems[0].line), ("BROOKLET_S__5__N", 0));
    }

    #[test]
    fn places_count_characters_not_bytes() {
        let mut tree = Tree::new();
        tree.add_file("a", "# é\nx = { \"ü\" = 1, y = 2 }\n");
        tree.report(&Path::of("x").key("y"), "here", None);
        tree.report(&Path::of("x").key("z"), "missing", None);
        let problems = tree.into_problems().0;
        let places: Vec<_> = problems.iter().map(|p| (p.line, p.column, p.path.as_str())).collect();
        assert_eq!(places, [(2, 5, "x.z"), (2, 20, "x.y")]);
    }
}
