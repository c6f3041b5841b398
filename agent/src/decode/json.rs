//! A strict JSON reader that hands out one token at a time and builds nothing.
//!
//! serde_json was the first choice. It gives no reason apart from its message when a number is out of range,
//! allocates for text with escapes, and its depth limit is its own; here each refusal has a name, nothing is
//! allocated, and the caller's recursion is the only one. The grammar is held against serde_json by the tests
//! and the fuzz target.

use super::number::scan;
use super::{MAX_DEPTH, Refusal};

/// What a value is; containers are then read with [`Reader::key`] or [`Reader::item`] until they end.
#[derive(Clone, Copy, Debug)]
pub(super) enum Token<'a> {
    Null,
    Bool(bool),
    /// May be NaN or infinite.
    Number(f64),
    Text(Text<'a>),
    Object,
    Array,
}

/// A string as it stands between its quotes; its escapes are known to be valid.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Text<'a> {
    raw: &'a str,
    escaped: bool,
}

impl<'a> Text<'a> {
    /// Length as written, escapes not resolved: at least the length of the text itself.
    pub(super) fn raw_len(self) -> usize {
        self.raw.len()
    }

    /// The text, with its escapes resolved into `scratch` if there are any.
    pub(super) fn plain<'b>(self, scratch: &'b mut String) -> &'b str
    where
        'a: 'b,
    {
        if !self.escaped {
            return self.raw;
        }
        scratch.clear();
        self.push_to(scratch);
        scratch
    }

    /// Appends the text with its escapes resolved.
    pub(super) fn push_to(self, out: &mut String) {
        let mut rest = self.raw;
        while self.escaped
            && let Some((before, escape)) = rest.split_once('\\')
        {
            out.push_str(before);
            let (c, length) = unescape(escape.as_bytes()).unwrap_or((char::REPLACEMENT_CHARACTER, 1));
            out.push(c);
            rest = escape.get(length..).unwrap_or_default();
        }
        out.push_str(rest);
    }
}

/// A place in a JSON document.
#[derive(Clone, Debug)]
pub(super) struct Reader<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    /// A container was opened and nothing of it read yet: the next element takes no comma.
    fresh: bool,
}

impl<'a> Reader<'a> {
    pub(super) fn new(text: &'a str) -> Self {
        Self { text, at: 0, depth: 0, fresh: false }
    }

    /// How many bytes are read.
    pub(super) fn at(&self) -> usize {
        self.at
    }

    /// Reads a value; of a container only the opening bracket.
    pub(super) fn value(&mut self) -> Result<Token<'a>, Refusal> {
        match self.peek_solid() {
            Some(b'"') => self.string().map(Token::Text),
            Some(b'{') => self.open(Token::Object),
            Some(b'[') => self.open(Token::Array),
            Some(b't') => self.word("true", Token::Bool(true)),
            Some(b'f') => self.word("false", Token::Bool(false)),
            Some(b'n') if self.rest().starts_with("null") => self.word("null", Token::Null),
            Some(b'-' | b'0'..=b'9') => self.number(),
            _ => self.non_finite(),
        }
    }

    /// The next key of the object that was opened last; `None` behind its end.
    pub(super) fn key(&mut self) -> Result<Option<Text<'a>>, Refusal> {
        if !self.next_element(b'}')? {
            return Ok(None);
        }
        if self.peek_solid() != Some(b'"') {
            return Err(self.wrong());
        }
        let key = self.string()?;
        if self.peek_solid() != Some(b':') {
            return Err(self.wrong());
        }
        self.at += 1;
        Ok(Some(key))
    }

    /// The next item of the array that was opened last; `None` behind its end.
    pub(super) fn item(&mut self) -> Result<Option<Token<'a>>, Refusal> {
        if !self.next_element(b']')? {
            return Ok(None);
        }
        self.value().map(Some)
    }

    /// Makes sure that nothing follows the document.
    pub(super) fn end(&mut self) -> Result<(), Refusal> {
        if self.peek_solid().is_none() { Ok(()) } else { Err(self.wrong()) }
    }

    fn next_element(&mut self, closing: u8) -> Result<bool, Refusal> {
        let next = self.peek_solid();
        let fresh = std::mem::take(&mut self.fresh);
        if next == Some(closing) {
            self.at += 1;
            self.depth = self.depth.saturating_sub(1);
            return Ok(false);
        }
        if !fresh {
            if next != Some(b',') {
                return Err(self.wrong());
            }
            self.at += 1;
        }
        Ok(true)
    }

    fn open(&mut self, token: Token<'a>) -> Result<Token<'a>, Refusal> {
        if self.depth >= MAX_DEPTH {
            return Err(Refusal::TooDeep { at: self.at });
        }
        self.depth += 1;
        self.at += 1;
        self.fresh = true;
        Ok(token)
    }

    fn word(&mut self, word: &str, token: Token<'a>) -> Result<Token<'a>, Refusal> {
        if !self.rest().starts_with(word) {
            return Err(self.wrong());
        }
        self.at += word.len();
        Ok(token)
    }

    fn number(&mut self) -> Result<Token<'a>, Refusal> {
        match scan(self.text, self.at) {
            Some(number) if number.is_json => {
                self.at = number.end;
                Ok(Token::Number(number.value))
            }
            Some(_) => Err(self.wrong()),
            None => self.non_finite(),
        }
    }

    fn string(&mut self) -> Result<Text<'a>, Refusal> {
        let bytes = self.text.as_bytes();
        let start = self.at + 1;
        let mut at = start;
        let mut escaped = false;
        loop {
            match bytes.get(at) {
                Some(b'"') => break,
                Some(b'\\') => {
                    escaped = true;
                    let escape = bytes.get(at + 1..).unwrap_or_default();
                    let Some((_, length)) = unescape(escape) else { return Err(Refusal::NotJson { at }) };
                    at += 1 + length;
                }
                Some(0x20..) => at += 1,
                _ => return Err(Refusal::NotJson { at }),
            }
        }
        self.at = at + 1;
        Ok(Text { raw: self.text.get(start..at).unwrap_or_default(), escaped })
    }

    /// The next byte that is not white space.
    fn peek_solid(&mut self) -> Option<u8> {
        let bytes = self.text.as_bytes();
        loop {
            match bytes.get(self.at) {
                Some(b' ' | b'\t' | b'\n' | b'\r') => self.at += 1,
                other => return other.copied(),
            }
        }
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or_default()
    }

    fn wrong(&self) -> Refusal {
        Refusal::NotJson { at: self.at }
    }

    /// JSON has no NaN and no infinity, but many encoders write them. They are read, so that one broken sensor does not
    /// silence the others of its message; whoever takes the number sees that it is none.
    fn non_finite(&mut self) -> Result<Token<'a>, Refusal> {
        let rest = self.rest();
        let unsigned = rest.strip_prefix('-').unwrap_or(rest);
        let after = ["NaN", "nan", "Infinity", "inf"].iter().find_map(|word| unsigned.strip_prefix(word));
        match after {
            Some(after) if !after.starts_with(|c: char| c.is_alphanumeric() || c == '_') => {
                self.at = self.text.len() - after.len();
                Ok(Token::Number(f64::NAN))
            }
            _ => Err(self.wrong()),
        }
    }
}

/// The character that an escape stands for and the escape's length, both without the backslash.
fn unescape(escape: &[u8]) -> Option<(char, usize)> {
    let c = match escape.first()? {
        c @ (b'"' | b'\\' | b'/') => char::from(*c),
        b'b' => '\u{8}',
        b'f' => '\u{c}',
        b'n' => '\n',
        b'r' => '\r',
        b't' => '\t',
        b'u' => {
            let unit = hex4(escape.get(1..5)?)?;
            if let Some(c) = char::from_u32(unit) {
                return Some((c, 5));
            }
            // The first half of a surrogate pair; the second must follow.
            let [b'\\', b'u', low @ ..] = escape.get(5..11)? else { return None };
            let low = hex4(low)?;
            if unit >= 0xdc00 || !(0xdc00..0xe000).contains(&low) {
                return None;
            }
            return Some((char::from_u32(0x1_0000 + ((unit - 0xd800) << 10) + (low - 0xdc00))?, 11));
        }
        _ => return None,
    };
    Some((c, 1))
}

fn hex4(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0, |unit, digit| Some(unit << 4 | char::from(*digit).to_digit(16)?))
}

/// Reads a whole document and forgets it.
#[cfg(test)]
pub(super) fn skim(text: &str) -> Result<(), Refusal> {
    fn container(reader: &mut Reader<'_>, token: Token<'_>) -> Result<(), Refusal> {
        match token {
            Token::Object => {
                while reader.key()?.is_some() {
                    let value = reader.value()?;
                    container(reader, value)?;
                }
            }
            Token::Array => {
                while let Some(item) = reader.item()? {
                    container(reader, item)?;
                }
            }
            _ => {}
        }
        Ok(())
    }
    let mut reader = Reader::new(text);
    let root = reader.value()?;
    container(&mut reader, root)?;
    reader.end()
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]
mod tests {
    use super::*;

    fn text(json: &str) -> String {
        let Ok(Token::Text(text)) = Reader::new(json).value() else { panic!("{json} is no text") };
        let mut scratch = String::from("left over");
        text.plain(&mut scratch).to_owned()
    }

    #[test]
    fn escapes_are_resolved() {
        assert_eq!(text(r#""plain é""#), "plain é");
        assert_eq!(text(r#""\"\\\/\b\f\n\r\t""#), "\"\\/\u{8}\u{c}\n\r\t");
        assert_eq!(text(r#""21 \u00b0C \ud83d\ude00!""#), "21 °C 😀!");
    }

    #[test]
    fn the_grammar_is_that_of_serde_json() {
        let documents = [
            "0",
            "-0",
            "01",
            "-",
            "+1",
            "1.",
            ".5",
            "1.5e3",
            "1e",
            "1e+",
            "1E-2",
            "0x10",
            "1_000",
            "--1",
            "1 2",
            "true",
            "tru",
            "truex",
            "nul",
            "null",
            "True",
            "",
            " ",
            "\t[ ]\r\n",
            "[1,]",
            "[,1]",
            "[1,,2]",
            "[1 2]",
            "[1",
            "]",
            "{}",
            "{,}",
            "{\"a\":1,}",
            "{\"a\" 1}",
            "{\"a\":}",
            "{a:1}",
            "{'a':1}",
            "{\"a\":1",
            "{\"a\":1]",
            "[1}",
            "{1:2}",
            "{\"a\":1 \"b\":2}",
            "[[],{}]",
            "{\"a\":{},\"b\":[]}",
            "[{},]",
            "\"a",
            "\"a\u{1}\"",
            "\"a\nb\"",
            "\"\\x\"",
            "\"\\u12\"",
            "\"\\u12g4\"",
            "\"\\ud800\"",
            "\"\\ud800\\n\"",
            "\"\\udc00\\ud800\"",
            "\"\\ud800\\ud800\"",
            "\"\\ud83d\\ude00\"",
            "\"\\",
            "\"\\\"",
            "\u{feff}1",
            "[1]x",
            "[] []",
            "{}}",
            "// no\n1",
            "\u{a0}1",
            "\"\u{7f}\"",
            "{\"\":0}",
            "[\"\\u0000\"]",
        ];
        for document in documents {
            let strict = serde_json::from_str::<serde_json::Value>(document).is_ok();
            assert_eq!(skim(document).is_ok(), strict, "{document:?}: {:?}", skim(document));
        }
    }

    #[test]
    fn values_are_those_of_serde_json() {
        for number in
            ["0", "-0.0", "21.5", "1e-7", "123456789012345678901234567890", "4.9e-324", "0.1e1", "1e22"]
        {
            let Ok(Token::Number(value)) = Reader::new(number).value() else {
                panic!("{number} is no number")
            };
            let expected: f64 = number.parse().expect("a number");
            assert_eq!(value.to_bits(), expected.to_bits(), "{number}");
        }
    }

    #[test]
    fn numbers_that_are_not_finite_are_read() {
        for number in ["NaN", "-NaN", "nan", "Infinity", "-Infinity", "inf", "-inf", "1e999", "-1e999"] {
            for document in [number.to_owned(), format!("[1,{number} ]"), format!("{{\"a\":{number}}}")] {
                assert_eq!(skim(&document), Ok(()), "{document}");
            }
            let Ok(Token::Number(value)) = Reader::new(number).value() else { panic!("{number}") };
            assert!(!value.is_finite());
        }
        for document in
            ["[nan", "NaNs", "[nan0]", "inf_x", "-", "- NaN", "--NaN", "+NaN", "NAN", "Inf", "infinity"]
        {
            assert!(matches!(skim(document), Err(Refusal::NotJson { .. })), "{document}");
        }
        assert_eq!(skim("[1, nil]"), Err(Refusal::NotJson { at: 4 }));
    }

    #[test]
    fn depth_is_bounded() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert_eq!(skim(&nested(MAX_DEPTH)), Ok(()));
        assert_eq!(skim(&nested(MAX_DEPTH + 1)), Err(Refusal::TooDeep { at: MAX_DEPTH }));
        assert_eq!(skim(&"[[],".repeat(5)), Err(Refusal::NotJson { at: 20 }));
        assert_eq!(skim(&"{\"a\":".repeat(60_000)), Err(Refusal::TooDeep { at: 40 }));
    }
}
