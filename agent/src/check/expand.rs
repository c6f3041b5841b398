//! `${VAR}` in strings.

use super::tree::Env;

/// Replaces `${VAR}` and `${VAR:-default}`; `$${` stands for `${`. What is put in is not looked at again.
pub(super) fn expanded(text: &str, env: &Env) -> Result<String, String> {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("${") {
        let (before, after) = (&rest[..start], &rest[start + 2..]);
        if let Some(before) = before.strip_suffix('$') {
            out.push_str(before);
            out.push_str("${");
            rest = after;
            continue;
        }
        out.push_str(before);
        let end = after.find('}').ok_or("`${` without its `}`; write `$${` for the characters themselves")?;
        let (name, default) = match after[..end].split_once(":-") {
            Some((name, default)) => (name, Some(default)),
            None => (&after[..end], None),
        };
        let is_name = !name.starts_with(|c: char| c.is_ascii_digit())
            && !name.is_empty()
            && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
        if !is_name {
            return Err(format!("`${{{name}}}` is not the name of a variable"));
        }
        // As in a shell, an empty variable counts as unset where there is a default.
        match (env.get(name), default) {
            (Some(value), Some(_)) if !value.is_empty() => out.push_str(value),
            (_, Some(default)) => out.push_str(default),
            (Some(value), None) => out.push_str(value),
            (None, None) => {
                return Err(format!(
                    "the environment variable {name} is not set; `${{{name}:-default}}` would give it a default"
                ));
            }
        }
        rest = &after[end + 1..];
    }
    out.push_str(rest);
    Ok(out)
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    #[test]
    fn variables_are_replaced() {
        let env = Env::from([("A", "x"), ("EMPTY", "")].map(|(a, b)| (a.to_owned(), b.to_owned())));
        for (text, expected) in [
            ("${A}/${A}", "x/x"),
            ("${B:-y}", "y"),
            ("${EMPTY:-y}", "y"),
            ("${EMPTY}.", "."),
            ("${B:-}", ""),
            ("$A $ 5$", "$A $ 5$"),
            ("$${A}", "${A}"),
            ("é${A}ü", "éxü"),
        ] {
            assert_eq!(expanded(text, &env).as_deref(), Ok(expected), "{text}");
        }
        assert!(expanded("${B}", &env).unwrap_err().contains("B is not set"));
        assert!(expanded("${A", &env).unwrap_err().contains("without its `}`"));
        assert!(expanded("${1A}", &env).unwrap_err().contains("not the name"));
    }
}
