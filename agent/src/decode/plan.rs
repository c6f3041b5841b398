//! JSON with configured channels: JSON pointers (RFC 6901), compiled once into a tree that a document is
//! walked along.

use std::cmp::Ordering;

use super::json::{Reader, Token};
use super::readings::{Readings, Scope};
use super::{MAX_DEPTH, MAX_STRING, Refusal, auto, number};
use crate::time::{from_number, parse_time};

/// One wanted channel: where its number stands and how it is scaled.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// The channel's name in the readings.
    pub channel: String,
    /// JSON pointer to the number, for example `/vib/rms` or `/accel/0`; empty for the document itself.
    pub at: String,
    /// The number is multiplied by this; finite.
    pub scale: f64,
    /// Added after scaling; finite.
    pub offset: f64,
}

impl Field {
    /// A channel whose number is taken as it is.
    #[must_use]
    pub fn new(channel: impl Into<String>, at: impl Into<String>) -> Self {
        Self { channel: channel.into(), at: at.into(), scale: 1.0, offset: 0.0 }
    }
}

/// Why a plan cannot be compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// Not a JSON pointer, or one that no accepted document can answer.
    #[error(
        "`{at}` is not a JSON pointer of at most {MAX_DEPTH} parts: write `/a/b`, with `~1` for `/` and `~0` for `~`"
    )]
    Pointer {
        /// The pointer as it was given.
        at: String,
    },
    /// A channel name that is empty, too long or cannot stand in a topic.
    #[error(
        "`{channel}` cannot be a channel name: 1 to {MAX_STRING} bytes without `/`, `+`, `#` and control characters"
    )]
    Channel {
        /// The name as it was given.
        channel: String,
    },
    /// Two fields with one name.
    #[error("the channel `{channel}` is named twice")]
    SameChannel {
        /// The name.
        channel: String,
    },
    /// Scale or offset is NaN or infinite.
    #[error("scale and offset of `{channel}` must be finite")]
    Scale {
        /// The channel's name.
        channel: String,
    },
    /// A time pointer, but nothing that would get the time.
    #[error(
        "a time pointer needs at least one channel: without channels, times are found by their usual names"
    )]
    TimeWithoutChannels,
}

/// What to take out of a JSON document.
///
/// The default plan names nothing and takes every number, as [`Decoder::Auto`](super::Decoder::Auto) does
/// from JSON. Otherwise a document is an object, or an array of samples at the top, to each of which the
/// pointers apply. A pointer that leads nowhere is passed over; one that leads to null, a container or other
/// text is counted in [`Readings::skipped`]. Bools count as 1/0, and since the place was asked for, so do the
/// words in [`ON_OFF`](super::ON_OFF).
#[derive(Clone, Debug, Default, PartialEq)]
pub struct JsonPlan {
    nodes: Vec<Node>,
    fields: Vec<Field>,
}

/// One part of the pointers; the first node is the document.
#[derive(Clone, Debug, Default, PartialEq)]
struct Node {
    /// Sorted by [`by_length`].
    children: Vec<Child>,
    /// Indices of the fields that are taken from here.
    fields: Vec<usize>,
    is_time: bool,
}

#[derive(Clone, Debug, PartialEq)]
struct Child {
    key: String,
    /// The key as an array index, if it is one.
    index: Option<usize>,
    node: usize,
}

impl JsonPlan {
    /// Compiles a plan from the wanted channels and the place of the time.
    ///
    /// # Errors
    /// The first field that does not hold; see [`PlanError`].
    pub fn new(fields: Vec<Field>, time: Option<&str>) -> Result<Self, PlanError> {
        if fields.is_empty() {
            return if time.is_none() { Ok(Self::default()) } else { Err(PlanError::TimeWithoutChannels) };
        }
        let mut plan = Self { nodes: vec![Node::default()], fields: Vec::with_capacity(fields.len()) };
        for (index, field) in fields.into_iter().enumerate() {
            let Field { channel, scale, offset, .. } = &field;
            let unclean = |c: char| matches!(c, '/' | '+' | '#') || c.is_control();
            if channel.is_empty() || channel.len() > MAX_STRING || channel.contains(unclean) {
                return Err(PlanError::Channel { channel: channel.clone() });
            }
            if plan.fields.iter().any(|other| other.channel == *channel) {
                return Err(PlanError::SameChannel { channel: channel.clone() });
            }
            if !scale.is_finite() || !offset.is_finite() {
                return Err(PlanError::Scale { channel: channel.clone() });
            }
            if let Some(node) = plan.node_for(&field.at)? {
                node.fields.push(index);
            }
            plan.fields.push(field);
        }
        if let Some(at) = time
            && let Some(node) = plan.node_for(at)?
        {
            node.is_time = true;
        }
        Ok(plan)
    }

    /// The wanted channels; empty if every number is.
    #[must_use]
    pub fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The node of a pointer, made where there is none.
    fn node_for(&mut self, at: &str) -> Result<Option<&mut Node>, PlanError> {
        let wrong = || PlanError::Pointer { at: at.to_owned() };
        let mut current = 0;
        let parts = match at.strip_prefix('/') {
            Some(parts) => Some(parts.split('/')),
            None if at.is_empty() => None,
            None => return Err(wrong()),
        };
        for (depth, part) in parts.into_iter().flatten().enumerate() {
            let key = unescape(part)
                .filter(|key| key.len() <= MAX_STRING && depth < MAX_DEPTH)
                .ok_or_else(wrong)?;
            let next = self.nodes.len();
            let Some(node) = self.nodes.get_mut(current) else { return Ok(None) };
            current = match node.children.binary_search_by(|child| by_length(&child.key, &key)) {
                Ok(place) => node.children.get(place).map_or(0, |child| child.node),
                Err(place) => {
                    let is_index = !key.is_empty() && (key == "0" || !key.starts_with('0'));
                    let digits = key.bytes().all(|b| b.is_ascii_digit());
                    let index = if is_index && digits { key.parse().ok() } else { None };
                    node.children.insert(place, Child { key, index, node: next });
                    self.nodes.push(Node::default());
                    next
                }
            };
        }
        Ok(self.nodes.get_mut(current))
    }

    /// Reads a document.
    pub(super) fn decode(&self, text: &str, out: &mut Readings) -> Result<(), Refusal> {
        if self.fields.is_empty() {
            return auto::decode_json(text, out);
        }
        let root = self.nodes.first();
        let mut reader = Reader::new(text);
        match reader.value()? {
            Token::Array => {
                while let Some(token) = reader.item()? {
                    self.row(&mut reader, token, root, out)?;
                }
            }
            token => self.row(&mut reader, token, root, out)?,
        }
        reader.end()
    }

    fn row(
        &self,
        reader: &mut Reader<'_>,
        token: Token<'_>,
        root: Option<&Node>,
        out: &mut Readings,
    ) -> Result<(), Refusal> {
        out.begin_row()?;
        self.walk(reader, token, root, out)?;
        out.end_row();
        Ok(())
    }

    /// Reads a value to its end; `node` is what is wanted of it, if anything is.
    fn walk(
        &self,
        reader: &mut Reader<'_>,
        token: Token<'_>,
        node: Option<&Node>,
        out: &mut Readings,
    ) -> Result<(), Refusal> {
        if let Some(node) = node {
            self.take(token, node, out)?;
        }
        match token {
            Token::Object => {
                let scope = out.open_scope();
                self.members(reader, node, scope, out)?;
                out.close_scope(scope);
            }
            Token::Array => {
                let mut index = 0;
                while let Some(item) = reader.item()? {
                    let child = node.and_then(|n| n.children.iter().find(|child| child.index == Some(index)));
                    self.walk(reader, item, self.node_of(child), out)?;
                    index += 1;
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn members(
        &self,
        reader: &mut Reader<'_>,
        node: Option<&Node>,
        scope: Scope,
        out: &mut Readings,
    ) -> Result<(), Refusal> {
        while let Some(key) = reader.key()? {
            out.note_key(scope, key, reader.at())?;
            let child = node.and_then(|node| {
                let place = node.children.binary_search_by(|child| by_length(&child.key, out.key())).ok()?;
                node.children.get(place)
            });
            let token = reader.value()?;
            self.walk(reader, token, self.node_of(child), out)?;
        }
        Ok(())
    }

    fn node_of(&self, child: Option<&Child>) -> Option<&Node> {
        child.and_then(|child| self.nodes.get(child.node))
    }

    /// Takes what the plan wants of this value.
    fn take(&self, token: Token<'_>, node: &Node, out: &mut Readings) -> Result<(), Refusal> {
        if node.is_time {
            let time = match token {
                Token::Number(number) => from_number(number),
                Token::Text(text) => auto::time_text(text, out, parse_time)?,
                _ => None,
            };
            match time {
                Some(time) => out.offer_time(0, time),
                None => out.skip(1),
            }
        }
        if node.fields.is_empty() {
            return Ok(());
        }
        let value = match token {
            Token::Number(value) => Some(value),
            Token::Bool(value) => Some(f64::from(u8::from(value))),
            Token::Text(text) if text.raw_len() <= MAX_STRING => {
                let text = text.plain(out.scratch());
                number::quoted(text).or_else(|| number::on_off(text.trim_ascii()))
            }
            _ => None,
        };
        let Some(value) = value else {
            out.skip(node.fields.len());
            return Ok(());
        };
        for field in node.fields.iter().filter_map(|index| self.fields.get(*index)) {
            out.push_named(&field.channel, value * field.scale + field.offset)?;
        }
        Ok(())
    }
}

/// The order of keys in a node: most comparisons end at the length and touch no text.
fn by_length(a: &str, b: &str) -> Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// A part of a pointer with `~1` and `~0` resolved.
fn unescape(part: &str) -> Option<String> {
    let valid = part.split('~').skip(1).all(|rest| rest.starts_with(['0', '1']));
    valid.then(|| part.replace("~1", "/").replace("~0", "~"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::super::Decoder;
    use super::super::tests::{T0, decoded_by, listed};
    use super::*;

    fn plan(fields: &[(&str, &str)], time: Option<&str>) -> Decoder {
        let fields = fields.iter().map(|(channel, at)| Field::new(*channel, *at)).collect();
        Decoder::Json(JsonPlan::new(fields, time).expect("a plan"))
    }

    #[test]
    fn pointers_find_their_numbers() {
        let decoder = plan(
            &[
                ("temp", "/temp"),
                ("vib", "/vib/rms"),
                ("first", "/accel/0"),
                ("odd", "/a~1b/~0c"),
                ("none", "/x/y"),
            ],
            Some("/meta/at"),
        );
        let json = r#"{"accel":[7,8],"vib":{"rms":"0.5","x":1},"a/b":{"~c":3},"temp":21.5,"other":{"deep":[1,{}]},
            "meta":{"at":"2026-11-21T05:08:03Z"}}"#;
        let (out, done) = decoded_by(&decoder, json.as_bytes());
        assert_eq!(done, Ok(()));
        assert_eq!(
            listed(&out),
            [
                ("first", Some(T0), 7.0),
                ("vib", Some(T0), 0.5),
                ("odd", Some(T0), 3.0),
                ("temp", Some(T0), 21.5)
            ]
        );
        assert_eq!(out.skipped(), 0);
    }

    #[test]
    fn what_is_no_number_is_skipped_and_counted() {
        let decoder = plan(&[("a", "/a"), ("b", "/b"), ("c", "/c"), ("d", "/d"), ("e", "/e")], Some("/ts"));
        let json = br#"{"a":null,"b":"text","c":{"x":1},"d":"ON","e":false,"ts":12}"#;
        let (out, done) = decoded_by(&decoder, json);
        assert_eq!((done, out.skipped()), (Ok(()), 4));
        assert_eq!(listed(&out), [("d", None, 1.0), ("e", None, 0.0)]);
        assert_eq!(decoded_by(&decoder, br#"{"a":null}"#).1, Err(Refusal::NoNumber));
        assert_eq!(decoded_by(&decoder, br#"{"z":1}"#).1, Err(Refusal::NoNumber));
    }

    #[test]
    fn scale_and_offset_apply_in_that_order() {
        let field = Field { scale: 1.8, offset: 32.0, ..Field::new("fahrenheit", "/t") };
        let same = Field::new("celsius", "/t");
        let decoder = Decoder::Json(JsonPlan::new(vec![field, same], None).expect("a plan"));
        let (out, _) = decoded_by(&decoder, br#"{"t":100}"#);
        assert_eq!(listed(&out), [("fahrenheit", None, 212.0), ("celsius", None, 100.0)]);
        let field = Field { scale: 1e30, ..Field::new("a", "/t") };
        let decoder = Decoder::Json(JsonPlan::new(vec![field], None).expect("a plan"));
        assert_eq!(decoded_by(&decoder, br#"{"t":1e30}"#).1, Err(Refusal::NonFinite));
    }

    #[test]
    fn arrays_of_samples_and_the_document_itself() {
        let decoder = plan(&[("v", "/v")], Some("/ts"));
        let (out, _) = decoded_by(&decoder, br#"[{"v":1,"ts":1795237683},{"v":2},{"w":3},4]"#);
        assert_eq!(listed(&out), [("v", Some(T0), 1.0), ("v", None, 2.0)]);
        let decoder = plan(&[("v", "")], None);
        assert_eq!(listed(&decoded_by(&decoder, b"[1,2]").0), [("v", None, 1.0), ("v", None, 2.0)]);
        assert_eq!(listed(&decoded_by(&decoder, b"3").0), [("v", None, 3.0)]);
        let decoder = plan(&[("second", "/1")], None);
        assert_eq!(listed(&decoded_by(&decoder, b"[[1,2],{\"1\":3}]").0).len(), 2);
    }

    #[test]
    fn an_empty_plan_takes_every_json_number_and_nothing_else() {
        let decoder = Decoder::Json(JsonPlan::default());
        assert_eq!(
            listed(&decoded_by(&decoder, br#"{"ts":1795237683,"a":{"b":1}}"#).0),
            [("a.b", Some(T0), 1.0)]
        );
        assert_eq!(decoded_by(&decoder, b"21.5 C").1.map_err(|r| r.name()), Err("not_json"));
    }

    #[test]
    fn what_nobody_asked_for_is_still_checked() {
        let decoder = plan(&[("v", "/v")], None);
        for (json, name) in [
            (r#"{"v":1,"x":{"a":1,"a":2}}"#, "duplicate_key"),
            (r#"{"v":1,"x":[[[[[[[[1]]]]]]]]}"#, "too_deep"),
            (r#"{"v":1,"x":}"#, "not_json"),
            (r#"{"v":1}}"#, "not_json"),
        ] {
            assert_eq!(decoded_by(&decoder, json.as_bytes()).1.map_err(|r| r.name()), Err(name), "{json}");
        }
        let many = format!("{{\"v\":1,\"x\":[{}1]}}", "1,".repeat(5000));
        assert_eq!(decoded_by(&decoder, many.as_bytes()).1, Ok(()), "unwanted numbers do not count");
    }

    #[test]
    fn wrong_plans_are_refused() {
        let new = |channel: &str, at: &str| JsonPlan::new(vec![Field::new(channel, at)], None);
        for at in ["temp", "/a~2", "/a~", "/1/2/3/4/5/6/7/8/9"] {
            assert_eq!(new("a", at), Err(PlanError::Pointer { at: at.into() }));
        }
        for channel in ["", "a/b", "a+", "#", "a\n"] {
            assert_eq!(new(channel, "/a"), Err(PlanError::Channel { channel: channel.into() }));
        }
        let twice = JsonPlan::new(vec![Field::new("a", "/a"), Field::new("a", "/b")], None);
        assert_eq!(twice, Err(PlanError::SameChannel { channel: "a".into() }));
        let scale = JsonPlan::new(vec![Field { scale: f64::NAN, ..Field::new("a", "/a") }], None);
        assert_eq!(scale, Err(PlanError::Scale { channel: "a".into() }));
        assert_eq!(JsonPlan::new(Vec::new(), Some("/ts")), Err(PlanError::TimeWithoutChannels));
        assert!(new("a", "/a//b").is_ok(), "an empty key is a key");
    }
}
