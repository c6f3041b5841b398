//! What people and programs ask for over MQTT: `brooklet/<gateway>/cmd/<name>/<id>`, a JSON object whose `status` goes
//! from `init` over `executing` to `successful` or `failed`.

use brooklet_core::message::{self, Label, Mode};
use serde::Deserialize;
use serde_json::{Map, Value};

/// Longest command that is read, in bytes.
const MAX_BYTES: usize = 4096;

/// A command as it came in.
#[derive(Clone, Debug, PartialEq)]
pub struct Command {
    /// What it can be answered by.
    pub ticket: Ticket,
    /// The device's name; empty if none is named.
    pub device: String,
    /// What to do, or why it cannot be done.
    pub action: Result<Action, String>,
}

/// Who is to be told what became of a command.
#[derive(Clone, Debug, PartialEq)]
pub struct Ticket {
    /// The topic, for the command and its states.
    pub topic: String,
    /// The fields of the command, which its states repeat.
    pub fields: Map<String, Value>,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub enum Action {
    /// `set-mode` and `reset`: the device does it and says so.
    Ask(message::Command),
    /// `send-model`: the gateway's model of this channel goes to the device.
    Send(Label),
    /// `fetch-model`: the device's model of this channel comes to the gateway.
    Fetch(Label),
    /// `publish-model`: the gateway's model of this channel is published.
    Publish(Label),
}

/// Where a command is in its life.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum State {
    /// It is being done.
    Executing,
    /// It was done.
    Successful,
    /// It was not, for this reason.
    Failed(String),
}

#[derive(Deserialize)]
struct Fields {
    device: Option<String>,
    channel: Option<String>,
    mode: Option<String>,
}

impl Command {
    /// Reads a message on a topic that is `name` and an id behind the fixed part. `None` for what is no command: the
    /// states that commands are answered by, and the empty message that removes one.
    #[must_use]
    pub fn parse(topic: &str, name: &str, payload: &[u8]) -> Option<Self> {
        if payload.is_empty() {
            return None;
        }
        let mut ticket = Ticket { topic: topic.to_owned(), fields: Map::new() };
        let refused = |ticket, why: String| Some(Self { ticket, device: String::new(), action: Err(why) });
        let too_long = payload.len() > MAX_BYTES;
        let value = match serde_json::from_slice(payload) {
            // An answer is longer than its command: its status is looked at first.
            Ok(Value::Object(fields)) if !too_long || is_answer(&fields) => {
                ticket.fields = fields.clone();
                Value::Object(fields)
            }
            _ if too_long => return refused(ticket, format!("a command has at most {MAX_BYTES} bytes")),
            Ok(_) => return refused(ticket, "a command is a JSON object".to_owned()),
            Err(error) => return refused(ticket, format!("not valid JSON: {error}")),
        };
        if is_answer(&ticket.fields) {
            return None;
        }
        if ticket.fields.get("status").and_then(Value::as_str) != Some("init") {
            return refused(ticket, "a command has \"status\": \"init\"".to_owned());
        }
        let fields = match Fields::deserialize(value) {
            Ok(fields) => fields,
            Err(error) => return refused(ticket, format!("device, channel and mode are texts: {error}")),
        };
        let device = fields.device.clone().unwrap_or_default();
        let action = if device.is_empty() {
            Err("the command names no \"device\"".to_owned())
        } else {
            action(name, &fields)
        };
        Some(Self { ticket, device, action })
    }
}

fn is_answer(fields: &Map<String, Value>) -> bool {
    matches!(fields.get("status").and_then(Value::as_str), Some("executing" | "successful" | "failed"))
}

fn action(name: &str, fields: &Fields) -> Result<Action, String> {
    let channel = || {
        let name = fields.channel.as_deref().ok_or("the command names no \"channel\"")?;
        Label::try_from(name).map_err(|_| "a channel's name has at most 32 bytes")
    };
    Ok(match name {
        "set-mode" => {
            let mode = match fields.mode.as_deref() {
                Some("raw") => Mode::Raw,
                Some("features") => Mode::Features,
                Some("verdicts") => Mode::Verdicts,
                _ => return Err("\"mode\" is one of raw, features, verdicts".to_owned()),
            };
            Action::Ask(message::Command::SetMode(mode))
        }
        "reset" => Action::Ask(message::Command::Reset(channel()?)),
        "send-model" => Action::Send(channel()?),
        "fetch-model" => Action::Fetch(channel()?),
        "publish-model" => Action::Publish(channel()?),
        _ => {
            let known = "set-mode, reset, send-model, fetch-model, publish-model";
            return Err(format!("there is no command of this name; known: {known}"));
        }
    })
}

impl Ticket {
    /// The message that tells a state: the command's own fields, its status, and the reason of a failure.
    #[must_use]
    pub fn told(&self, state: &State) -> Vec<u8> {
        let mut fields = self.fields.clone();
        let (status, reason) = match state {
            State::Executing => ("executing", None),
            State::Successful => ("successful", None),
            State::Failed(reason) => ("failed", Some(reason)),
        };
        fields.insert("status".to_owned(), status.into());
        fields.remove("reason");
        if let Some(reason) = reason {
            fields.insert("reason".to_owned(), reason.as_str().into());
        }
        Value::Object(fields).to_string().into_bytes()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use super::*;

    fn parse(name: &str, payload: &str) -> Option<Command> {
        Command::parse("brooklet/gw/cmd/x/1", name, payload.as_bytes())
    }

    #[test]
    fn commands_are_read_and_answered_with_their_own_fields() {
        let text = r#"{"status":"init","device":"pico-1","mode":"features","who":"me"}"#;
        let command = parse("set-mode", text).unwrap();
        assert_eq!(command.device, "pico-1");
        assert_eq!(command.action, Ok(Action::Ask(message::Command::SetMode(Mode::Features))));
        let told: Value = serde_json::from_slice(&command.ticket.told(&State::Failed("no".into()))).unwrap();
        assert_eq!(told["status"], "failed");
        assert_eq!((&told["reason"], &told["who"]), (&"no".into(), &"me".into()));
    }

    #[test]
    fn answers_are_no_commands() {
        for status in ["executing", "successful", "failed"] {
            assert_eq!(parse("reset", &format!(r#"{{"status":"{status}"}}"#)), None);
        }
        assert_eq!(parse("reset", ""), None);
    }

    #[test]
    fn the_answer_to_the_longest_command_is_none_either() {
        let head = r#"{"status":"init","device":"d","channel":"c","who":""#;
        let text = |length: usize| format!("{head}{}\"}}", "x".repeat(length - head.len() - 2));
        let command = parse("reset", &text(MAX_BYTES)).unwrap();
        assert!(command.action.is_ok());
        let answer = command.ticket.told(&State::Executing);
        assert!(answer.len() > MAX_BYTES);
        assert_eq!(parse("reset", std::str::from_utf8(&answer).unwrap()), None);
        let refused = parse("reset", &text(MAX_BYTES + 1)).unwrap();
        assert!(refused.action.unwrap_err().contains("at most") && refused.ticket.fields.is_empty());
    }

    #[test]
    fn what_is_wrong_is_told() {
        let long = format!(r#"{{"status":"init","device":"d","channel":"{}"}}"#, "c".repeat(33));
        for (name, payload, why) in [
            ("reset", "{", "not valid JSON"),
            ("reset", "7", "a JSON object"),
            ("reset", "{}", "\"status\": \"init\""),
            ("reset", r#"{"status":"init"}"#, "names no \"device\""),
            ("reset", r#"{"status":"init","device":5}"#, "are texts"),
            ("reset", r#"{"status":"init","device":"d"}"#, "names no \"channel\""),
            ("send-model", &long, "at most 32 bytes"),
            ("set-mode", r#"{"status":"init","device":"d","mode":"x"}"#, "one of raw, features, verdicts"),
            ("explode", r#"{"status":"init","device":"d"}"#, "known: set-mode"),
        ] {
            let why_not = parse(name, payload).unwrap().action.unwrap_err();
            assert!(why_not.contains(why), "{payload}: {why_not}");
        }
    }
}
