//! Topic patterns: MQTT filters whose wildcards may have names.

use thiserror::Error;

/// Longest filter MQTT can carry, in bytes.
const MAX_BYTES: usize = 65_535;

/// An MQTT topic filter in which a level `{name}` matches one level, as `+` does, and names what it matched.
///
/// ```
/// use brooklet::check::TopicPattern;
///
/// let pumps = TopicPattern::parse("plant/{site}/{device}/#")?;
/// assert_eq!(pumps.filter(), "plant/+/+/#");
/// let captures = pumps.captures("plant/north/p1/telemetry/fast").unwrap();
/// assert_eq!(captures.get("device"), Some("p1"));
/// assert_eq!(captures.rest(), Some("telemetry/fast"));
/// # Ok::<(), brooklet::check::BadTopic>(())
/// ```
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TopicPattern {
    source: String,
    filter: String,
    levels: Vec<Level>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Level {
    Literal(String),
    /// One level; the name is empty for `+`.
    One(String),
    /// `#`: the rest, which may be nothing.
    Rest,
}

/// Why a text is not a topic pattern.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadTopic {
    /// Nothing at all.
    #[error("a topic filter cannot be empty")]
    Empty,
    /// More than MQTT can carry.
    #[error("a topic filter has at most {MAX_BYTES} bytes, this one has {0}")]
    TooLong(usize),
    /// A NUL, which MQTT forbids.
    #[error("a topic filter cannot contain a NUL character")]
    Nul,
    /// `#` before the end.
    #[error("`#` stands for the rest of a topic, so it can only be the last level")]
    RestNotLast,
    /// `a+`, `#b`: a wildcard beside text in one level.
    #[error("`+` and `#` must be a level of their own, not part of `{0}`")]
    Mixed(String),
    /// `x{device}`, `{}`, `{a b}`.
    #[error("`{0}` is not a level with a name: write `{{device}}` as a level of its own")]
    BadName(String),
    /// One name twice.
    #[error("the level `{{{0}}}` occurs twice")]
    Twice(String),
    /// `$share/..` splits a device's readings over several clients: nobody would see the whole stream.
    #[error("a shared subscription splits a device's stream, so nothing can be learned from it")]
    Shared,
}

impl TopicPattern {
    /// Compiles a pattern.
    ///
    /// # Errors
    /// [`BadTopic`] if it is not a valid MQTT filter or a name in braces is no name (a letter or `_`, then
    /// letters, digits, `_` and `-`).
    pub fn parse(source: &str) -> Result<Self, BadTopic> {
        if source.is_empty() {
            return Err(BadTopic::Empty);
        }
        if source.contains('\0') {
            return Err(BadTopic::Nul);
        }
        if source.starts_with("$share/") {
            return Err(BadTopic::Shared);
        }
        let mut levels = Vec::new();
        let mut filter = String::with_capacity(source.len());
        for (i, text) in source.split('/').enumerate() {
            if levels.last() == Some(&Level::Rest) {
                return Err(BadTopic::RestNotLast);
            }
            let level = level(text)?;
            if let Level::One(name) = &level
                && !name.is_empty()
                && levels.contains(&level)
            {
                return Err(BadTopic::Twice(name.clone()));
            }
            if i > 0 {
                filter.push('/');
            }
            filter.push_str(match &level {
                Level::Literal(text) => text,
                Level::One(_) => "+",
                Level::Rest => "#",
            });
            levels.push(level);
        }
        if filter.len() > MAX_BYTES {
            return Err(BadTopic::TooLong(filter.len()));
        }
        Ok(Self { source: source.to_owned(), filter, levels })
    }

    /// The pattern as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }

    /// The MQTT topic filter to subscribe to.
    #[must_use]
    pub fn filter(&self) -> &str {
        &self.filter
    }

    /// The text before the first wildcard, up to and with its `/`: `sensors/` of `sensors/#`, empty for `#`, and
    /// the whole topic if there is no wildcard.
    #[must_use]
    pub fn prefix(&self) -> &str {
        // No literal level holds `+` or `#`, so the first of them is the first wildcard.
        self.filter.find(['+', '#']).map_or(&self.filter, |end| &self.filter[..end])
    }

    /// The names of the named levels, in order.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.levels.iter().filter_map(|level| match level {
            Level::One(name) if !name.is_empty() => Some(name.as_str()),
            _ => None,
        })
    }

    /// Where in the topic the level called `name` is, counted from 0.
    #[must_use]
    pub fn position(&self, name: &str) -> Option<usize> {
        self.levels
            .iter()
            .position(|level| matches!(level, Level::One(own) if own == name && !own.is_empty()))
    }

    /// Matches a topic as the broker does: `a/#` also matches `a`, and a leading wildcard does not match a topic
    /// that starts with `$`. Allocates nothing.
    #[must_use]
    pub fn captures<'p, 't>(&'p self, topic: &'t str) -> Option<Captures<'p, 't>> {
        if topic.starts_with('$') && !matches!(self.levels.first(), Some(Level::Literal(_))) {
            return None;
        }
        let mut parts = topic.split('/');
        for level in &self.levels {
            match (level, parts.next()) {
                (Level::Rest, _) => return Some(Captures { pattern: self, topic }),
                (Level::Literal(literal), Some(part)) if literal == part => {}
                (Level::One(_), Some(_)) => {}
                _ => return None,
            }
        }
        parts.next().is_none().then_some(Captures { pattern: self, topic })
    }
}

/// True if the MQTT filter `wide` matches every topic that `narrow` matches.
#[must_use]
pub fn covers(wide: &str, narrow: &str) -> bool {
    if narrow.starts_with('$') && wide.starts_with(['+', '#']) {
        return false;
    }
    let mut theirs = narrow.split('/');
    for own in wide.split('/') {
        match (own, theirs.next()) {
            ("#", _) => return true,
            (_, None | Some("#")) => return false,
            ("+", _) => {}
            (own, their) if their == Some(own) => {}
            _ => return false,
        }
    }
    theirs.next().is_none()
}

/// A topic that matched, and what its wildcards stood for.
#[derive(Clone, Copy, Debug)]
pub struct Captures<'p, 't> {
    pattern: &'p TopicPattern,
    topic: &'t str,
}

impl<'t> Captures<'_, 't> {
    /// What the level called `name` matched; it may be empty, as MQTT levels may.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&'t str> {
        self.level(self.pattern.position(name)?)
    }

    /// The topic's level at `position`, counted from 0.
    #[must_use]
    pub fn level(&self, position: usize) -> Option<&'t str> {
        self.topic.split('/').nth(position)
    }

    /// What `#` matched; `None` if the pattern does not end with it or nothing was left.
    #[must_use]
    pub fn rest(&self) -> Option<&'t str> {
        let before = self.pattern.levels.len() - 1;
        match self.pattern.levels.last() {
            Some(Level::Rest) => self.topic.splitn(before + 1, '/').nth(before),
            _ => None,
        }
    }

    /// What all wildcards matched, in order, `#` as one text.
    pub fn wildcards(&self) -> impl Iterator<Item = &'t str> {
        let one = self.pattern.levels.iter().zip(self.topic.split('/'));
        one.filter(|(level, _)| matches!(level, Level::One(_))).map(|(_, part)| part).chain(self.rest())
    }
}

fn level(text: &str) -> Result<Level, BadTopic> {
    match text {
        "+" => return Ok(Level::One(String::new())),
        "#" => return Ok(Level::Rest),
        _ if text.contains(['+', '#']) => return Err(BadTopic::Mixed(text.to_owned())),
        _ if !text.contains(['{', '}']) => return Ok(Level::Literal(text.to_owned())),
        _ => {}
    }
    match text.strip_prefix('{').and_then(|text| text.strip_suffix('}')) {
        Some(name) if is_name(name) => Ok(Level::One(name.to_owned())),
        _ => Err(BadTopic::BadName(text.to_owned())),
    }
}

fn is_name(text: &str) -> bool {
    let mut chars = text.chars();
    chars.next().is_some_and(|c| c.is_ascii_alphabetic() || c == '_')
        && chars.all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '-'))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    fn pattern(text: &str) -> TopicPattern {
        TopicPattern::parse(text).unwrap()
    }

    fn matches(text: &str, topic: &str) -> bool {
        pattern(text).captures(topic).is_some()
    }

    #[test]
    fn names_become_plus() {
        let p = pattern("plant/{site}/{device}/telemetry");
        assert_eq!(p.filter(), "plant/+/+/telemetry");
        assert_eq!(p.names().collect::<Vec<_>>(), ["site", "device"]);
        assert_eq!((p.position("device"), p.position("+"), p.position("")), (Some(2), None, None));
        let c = p.captures("plant/a/b/telemetry").unwrap();
        assert_eq!(
            (c.get("site"), c.get("device"), c.get("x"), c.rest()),
            (Some("a"), Some("b"), None, None)
        );
        assert_eq!(c.wildcards().collect::<Vec<_>>(), ["a", "b"]);
    }

    #[test]
    fn matches_as_the_standard_says() {
        for (filter, topic, expected) in [
            ("sport/tennis/player1/#", "sport/tennis/player1", true),
            ("sport/tennis/player1/#", "sport/tennis/player1/score/wimbledon", true),
            ("sport/#", "sports", false),
            ("#", "a/b", true),
            ("+", "a", true),
            ("+", "/a", false),
            ("+/+", "/a", true),
            ("/+", "/a", true),
            ("sport/+", "sport", false),
            ("sport/+", "sport/", true),
            ("a/b", "a/b/c", false),
            ("a/b/c", "a/b", false),
            ("#", "$SYS/uptime", false),
            ("+/uptime", "$SYS/uptime", false),
            ("{x}/uptime", "$SYS/uptime", false),
            ("$SYS/#", "$SYS/uptime", true),
        ] {
            assert_eq!(matches(filter, topic), expected, "{filter} on {topic}");
        }
    }

    #[test]
    fn a_filter_covers_those_whose_topics_it_matches_all() {
        for (wide, narrow, expected) in [
            ("#", "a/+/b", true),
            ("a/#", "a", true),
            ("a/#", "a/#", true),
            ("a/+/b", "a/+/b", true),
            ("a/+", "a/b", true),
            ("+/+", "/+", true),
            ("+/#", "#", false),
            ("a/+", "a/#", false),
            ("a/b", "a/+", false),
            ("a/+", "a/b/c", false),
            ("a/b/c", "a/b", false),
            ("a/+/c", "a/b/+", false),
            ("#", "$SYS/#", false),
            ("+/a", "$SYS/a", false),
            ("$SYS/#", "$SYS/a", true),
        ] {
            assert_eq!(covers(wide, narrow), expected, "{wide} and {narrow}");
        }
    }

    #[test]
    fn the_rest_is_one_text() {
        let p = pattern("a/{b}/#");
        assert_eq!(p.captures("a/x/c/d").unwrap().wildcards().collect::<Vec<_>>(), ["x", "c/d"]);
        assert_eq!(p.captures("a/x").unwrap().rest(), None);
        assert_eq!(pattern("#").captures("a/b").unwrap().rest(), Some("a/b"));
    }

    #[test]
    fn prefix_ends_before_the_first_wildcard() {
        for (text, prefix) in
            [("sensors/#", "sensors/"), ("#", ""), ("a/{b}/c/#", "a/"), ("+/a", ""), ("a/b", "a/b")]
        {
            assert_eq!(pattern(text).prefix(), prefix, "{text}");
        }
    }

    #[test]
    fn what_is_no_filter_is_refused_with_the_reason() {
        for (text, error) in [
            ("", BadTopic::Empty),
            ("a/#/b", BadTopic::RestNotLast),
            ("a/b#", BadTopic::Mixed("b#".into())),
            ("a/+b", BadTopic::Mixed("+b".into())),
            ("a/{}", BadTopic::BadName("{}".into())),
            ("a/x{b}", BadTopic::BadName("x{b}".into())),
            ("a/{b", BadTopic::BadName("{b".into())),
            ("{a}/{a}", BadTopic::Twice("a".into())),
            ("$share/g/a", BadTopic::Shared),
            ("a\0", BadTopic::Nul),
        ] {
            assert_eq!(TopicPattern::parse(text), Err(error), "{text}");
        }
        assert_eq!(TopicPattern::parse(&"x".repeat(65_536)), Err(BadTopic::TooLong(65_536)));
        assert!(TopicPattern::parse(&"x".repeat(65_535)).is_ok());
        assert!(TopicPattern::parse("+/+").is_ok());
    }
}
