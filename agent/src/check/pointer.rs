//! JSON pointers (RFC 6901).

use std::fmt;

use thiserror::Error;

/// A JSON pointer taken apart: `/vib/rms` is the tokens `vib` and `rms`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pointer {
    source: String,
    tokens: Vec<String>,
}

/// Why a text is not a JSON pointer.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[non_exhaustive]
pub enum BadPointer {
    /// Neither empty nor led by `/`.
    #[error("a JSON pointer starts with `/`")]
    NoSlash,
    /// `~` without the 0 or 1 that makes it `~` or `/`.
    #[error("in a JSON pointer `~` is written `~0`, and `/` within a name `~1`")]
    Tilde,
}

impl Pointer {
    /// Takes a pointer apart; the empty one points at the whole document.
    ///
    /// # Errors
    /// [`BadPointer`] if it is neither empty nor led by `/`, or has a `~` that escapes nothing.
    pub fn parse(source: &str) -> Result<Self, BadPointer> {
        if source.is_empty() {
            return Ok(Self { source: String::new(), tokens: Vec::new() });
        }
        let tokens = source.strip_prefix('/').ok_or(BadPointer::NoSlash)?.split('/').map(unescape);
        Ok(Self { source: source.to_owned(), tokens: tokens.collect::<Result<_, _>>()? })
    }

    /// The keys and indices on the way, unescaped.
    #[must_use]
    pub fn tokens(&self) -> &[String] {
        &self.tokens
    }

    /// The pointer as it was written.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.source
    }
}

impl fmt::Display for Pointer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.source)
    }
}

fn unescape(token: &str) -> Result<String, BadPointer> {
    let mut out = String::with_capacity(token.len());
    let mut chars = token.chars();
    while let Some(c) = chars.next() {
        out.push(match c {
            '~' => match chars.next() {
                Some('0') => '~',
                Some('1') => '/',
                _ => return Err(BadPointer::Tilde),
            },
            c => c,
        });
    }
    Ok(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    #[test]
    fn tokens_are_unescaped() {
        assert_eq!(Pointer::parse("/a/b~1c/~01/0/").unwrap().tokens(), ["a", "b/c", "~1", "0", ""]);
        assert!(Pointer::parse("").unwrap().tokens().is_empty());
        assert_eq!(Pointer::parse("a/b"), Err(BadPointer::NoSlash));
        assert_eq!(Pointer::parse("/a~"), Err(BadPointer::Tilde));
        assert_eq!(Pointer::parse("/a~2"), Err(BadPointer::Tilde));
    }
}
