//! What is wrong with a configuration, and where.

use std::fmt;

use serde::Serialize;

/// One thing wrong with a configuration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file as it was named; or the environment variable, or the argument of the command line.
    pub file: String,
    /// Line, counted from 1; 0 if there is none.
    pub line: usize,
    /// Column in characters, counted from 1; 0 if there is none.
    pub column: usize,
    /// The key, such as `stream[1].channels.temp.at` (counted from 0 over all files); empty if it is none.
    pub path: String,
    /// What is wrong, in one line. Never contains a secret.
    pub message: String,
    /// What to do about it.
    pub help: Option<String>,
}

impl fmt::Display for Problem {
    /// `brooklet.toml:12:3: stream[0].paylod: unknown key; did you mean "payload"?` in one line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.file)?;
        if self.line > 0 {
            write!(f, ":{}:{}", self.line, self.column)?;
        }
        if !self.path.is_empty() {
            write!(f, ": {}", self.path)?;
        }
        write!(f, ": {}", self.message)?;
        match &self.help {
            Some(help) => write!(f, "; {help}"),
            None => Ok(()),
        }
    }
}

/// Everything wrong with a configuration, in the order of files and lines; never empty as an error.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    /// One a line.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, problem) in self.0.iter().enumerate() {
            if i > 0 {
                f.write_str("\n")?;
            }
            problem.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for Problems {}

/// The one of `known` that `word` was probably meant to be.
pub(crate) fn nearest<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    known
        .into_iter()
        .map(|known| (strsim::jaro_winkler(word, known), known))
        // In a short word one slip already makes it look unlike: `ulr`.
        .filter(|(likeness, known)| {
            *likeness > 0.8 || known.len() > 2 && strsim::osa_distance(word, known) == 1
        })
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, known)| known)
}

/// "did you mean" for [`nearest`].
pub(super) fn did_you_mean<'a>(word: &str, known: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, known).map(|known| format!("did you mean `{known}`?"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    #[test]
    fn a_problem_is_one_line() {
        let mut problem = Problem {
            file: "brooklet.toml".into(),
            line: 12,
            column: 3,
            path: "stream[0].paylod".into(),
            message: "unknown key".into(),
            help: did_you_mean("paylod", ["topic", "payload"]),
        };
        assert_eq!(
            problem.to_string(),
            "brooklet.toml:12:3: stream[0].paylod: unknown key; did you mean `payload`?"
        );
        problem = Problem { line: 0, path: String::new(), help: None, ..problem };
        assert_eq!(problem.to_string(), "brooklet.toml: unknown key");
    }

    #[test]
    fn only_what_is_near_is_suggested() {
        assert_eq!(nearest("chanels", ["channels", "name", "topic"]), Some("channels"));
        assert_eq!(nearest("ulr", ["topic", "url"]), Some("url"));
        assert_eq!(nearest("zzz", ["channels", "name", "topic"]), None);
    }
}
