//! The way down to one device: requests one after the other, repeated while no answer comes, and models in pieces. Plain
//! values in and out; time comes as ticks.

use std::collections::VecDeque;
use std::fmt;

use brooklet_core::frame::{self, Sequence, Step};
use brooklet_core::message::{self, Label, Message, Request};
use brooklet_core::snapshot;
use brooklet_core::transfer::{self, Incoming, Offer, Progress};
use serde::Serialize;

use crate::command::{State, Ticket};
use crate::reading::{DeviceId, Timestamp};
use crate::worker::Finding;

/// Commands that wait for their turn.
const MOST_WAITING: usize = 16;
/// How often a request is sent before it is given up.
const TRIES: u8 = 4;
/// Ticks before a request is sent again.
const PATIENCE: u16 = 8;
/// Ticks that a request may take in all, a transfer that goes on slowly included: ten minutes.
const LONGEST: u16 = 2400;
/// Pieces asked for at once.
const PIECES: u8 = 8;

/// Where a device is reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// On its topic.
    Mqtt,
    /// On the serial line of this place in the plan.
    Line(usize),
}

impl fmt::Display for Way {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Mqtt => f.write_str("over MQTT"),
            Self::Line(line) => write!(f, "on serial[{line}]"),
        }
    }
}

/// Something to be done with a device.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Errand {
    /// Who asked; nobody if it is the gateway's own.
    pub(crate) ticket: Option<Ticket>,
    pub(crate) task: Task,
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Task {
    Ask(message::Command),
    /// The gateway's model of this channel is to be sent.
    Send(Label),
    Fetch(Label),
}

/// The errand under way.
#[derive(Debug)]
struct Busy {
    errand: Errand,
    number: u16,
    command: message::Command,
    /// The model being sent.
    model: Vec<u8>,
    /// The one being fetched.
    incoming: Option<Box<Incoming<{ snapshot::MAX_BYTES }>>>,
    tries: u8,
    ticks: u16,
    left: u16,
}

/// What a device's message leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Heard {
    /// It was dealt with.
    Done,
    /// The device did this.
    Obeyed(message::Command),
    /// Nobody asked for it.
    Unasked,
    /// The model that was to be fetched is here; [`Link::finish`] has the last word.
    Fetched(Label, Vec<u8>),
}

/// A device that can be told something.
#[derive(Debug)]
pub(crate) struct Link {
    device: DeviceId,
    /// Which stream or line its readings belong to.
    pub(crate) position: usize,
    way: Option<Way>,
    /// How often it was heard on another way while the one before it was still there.
    moved: u32,
    /// It said what it is.
    pub(crate) greeted: bool,
    heard: Sequence,
    /// When it was last heard.
    pub(crate) heard_at: Timestamp,
    sequence: u16,
    number: u16,
    waiting: VecDeque<Errand>,
    busy: Option<Busy>,
}

impl Link {
    /// Numbers begin somewhere: a device may remember those of a gateway before this one.
    pub(crate) fn new(device: DeviceId, position: usize, now: Timestamp) -> Self {
        let somewhere = now.0.to_le_bytes();
        let somewhere = u16::from_le_bytes([somewhere[0], somewhere[1]]);
        Self {
            device,
            position,
            way: None,
            moved: 0,
            greeted: false,
            heard: Sequence::new(),
            heard_at: now,
            sequence: somewhere,
            number: somewhere,
            waiting: VecDeque::new(),
            busy: None,
        }
    }

    /// The device was heard on this way, and is answered there. True if a person should know that it was another until now,
    /// which is still there: the first time and at each power of two.
    pub(crate) fn reached(&mut self, way: Way) -> bool {
        let moved = self.way.replace(way).is_some_and(|before| before != way);
        self.moved = self.moved.saturating_add(moved.into());
        moved && self.moved.is_power_of_two()
    }

    /// The way is gone, and with it whatever was to be done there.
    pub(crate) fn lost(&mut self, way: Way, findings: &mut Vec<Finding>) {
        if self.way != Some(way) {
            return;
        }
        self.way = None;
        let gone = || State::Failed("the device was unplugged before it was done".to_owned());
        self.finish(gone(), findings);
        for errand in self.waiting.drain(..) {
            tell(errand.ticket, gone(), findings);
        }
    }

    /// Follows the numbers of the device's frames.
    pub(crate) fn follow(&mut self, sequence: u16) -> Step {
        self.heard.follow(sequence)
    }

    /// A device that says hello begins anew: what is missing before it was not lost.
    pub(crate) fn begin_anew(&mut self, sequence: u16) {
        self.heard = Sequence::new();
        self.heard.follow(sequence);
    }

    /// Something is under way, so [`tick`](Self::tick) has something to do.
    pub(crate) fn is_busy(&self) -> bool {
        self.busy.is_some()
    }

    /// Takes an errand; it waits for its turn.
    pub(crate) fn push(&mut self, errand: Errand, findings: &mut Vec<Finding>) {
        let same = |other: &Errand| {
            errand
                .ticket
                .as_ref()
                .is_some_and(|ticket| other.ticket.as_ref().is_some_and(|other| other.topic == ticket.topic))
        };
        if self.busy.iter().map(|busy| &busy.errand).chain(&self.waiting).any(same) {
            return; // the broker sends a command again that was not acknowledged before the link was lost
        }
        if self.way.is_none() {
            tell(errand.ticket, State::Failed("the device is not connected".to_owned()), findings);
        } else if self.waiting.len() >= MOST_WAITING {
            let why = format!("{MOST_WAITING} commands already wait for this device");
            tell(errand.ticket, State::Failed(why), findings);
        } else {
            self.waiting.push_back(errand);
        }
    }

    /// The next errand, if nothing is under way.
    pub(crate) fn next(&mut self) -> Option<Errand> {
        if self.busy.is_some() { None } else { self.waiting.pop_front() }
    }

    /// Begins an errand. `model` is what [`Task::Send`] sends.
    pub(crate) fn begin(&mut self, errand: Errand, model: Vec<u8>, findings: &mut Vec<Finding>) {
        let command = match &errand.task {
            Task::Ask(command) => command.clone(),
            Task::Fetch(channel) => message::Command::SendModel(channel.clone()),
            Task::Send(channel) => match Offer::new(channel.clone(), &model) {
                Some(offer) => message::Command::Offer(offer),
                None => {
                    let why = State::Failed("the model is too long to be sent".to_owned());
                    return tell(errand.ticket, why, findings);
                }
            },
        };
        if let Some(ticket) = &errand.ticket {
            tell(Some(ticket.clone()), State::Executing, findings);
        }
        self.number = self.number.wrapping_add(1);
        let number = self.number;
        self.send(number, command.clone(), findings);
        self.busy = Some(Busy {
            errand,
            number,
            command,
            model,
            incoming: None,
            tries: TRIES,
            ticks: PATIENCE,
            left: LONGEST,
        });
    }

    /// Ends what is under way.
    pub(crate) fn finish(&mut self, state: State, findings: &mut Vec<Finding>) {
        if let Some(busy) = self.busy.take() {
            tell(busy.errand.ticket, state, findings);
        }
    }

    /// Takes an answer, an offer, a wish or a piece.
    pub(crate) fn hear(&mut self, message: &Message, findings: &mut Vec<Finding>) -> Heard {
        let Some(busy) = &mut self.busy else { return Heard::Unasked };
        let number = busy.number;
        match message {
            Message::Done(done) if done.number == number => {
                match done.result {
                    Err(refusal) => self.finish(State::Failed(refusal.to_string()), findings),
                    // The model itself is still to come.
                    Ok(()) if matches!(busy.errand.task, Task::Fetch(_)) => busy.go_on(),
                    Ok(()) => {
                        let command = busy.command.clone();
                        self.finish(State::Successful, findings);
                        return Heard::Obeyed(command);
                    }
                }
                Heard::Done
            }
            Message::Offer(offer) => {
                let Task::Fetch(channel) = &busy.errand.task else { return Heard::Unasked };
                if *channel != offer.channel {
                    return Heard::Unasked;
                }
                let incoming = busy.incoming.get_or_insert_default();
                match incoming.accept(offer, PIECES) {
                    Some(want) => {
                        busy.ticks = PATIENCE;
                        self.send(number, message::Command::Want(want), findings);
                    }
                    None => {
                        let (length, most) = (offer.length, snapshot::MAX_BYTES);
                        let why =
                            format!("the device offers a model of {length} bytes; 1 to {most} are taken");
                        self.finish(State::Failed(why), findings);
                    }
                }
                Heard::Done
            }
            Message::Piece(piece) => {
                let Some(incoming) = &mut busy.incoming else { return Heard::Unasked };
                match incoming.take(piece) {
                    Progress::Stray => return Heard::Unasked,
                    Progress::More => busy.go_on(),
                    Progress::Ask(want) => {
                        busy.go_on();
                        self.send(number, message::Command::Want(want), findings);
                    }
                    Progress::Damaged => {
                        let why = message::Refusal::Damaged.to_string();
                        self.finish(State::Failed(why), findings);
                    }
                    Progress::Complete => {
                        if let (Task::Fetch(channel), Some(bytes)) = (&busy.errand.task, incoming.bytes()) {
                            return Heard::Fetched(channel.clone(), bytes.to_vec());
                        }
                    }
                }
                Heard::Done
            }
            Message::Want(want) => {
                let message::Command::Offer(offer) = &busy.command else { return Heard::Unasked };
                if offer.transfer != want.transfer {
                    return Heard::Unasked;
                }
                busy.go_on();
                let pieces: Vec<_> = transfer::pieces(&busy.model, want, transfer::MAX_PIECE).collect();
                for piece in pieces {
                    self.send(number, message::Command::Piece(piece), findings);
                }
                Heard::Done
            }
            _ => Heard::Unasked,
        }
    }

    /// A moment has passed: what was not answered is sent again, or given up.
    pub(crate) fn tick(&mut self, findings: &mut Vec<Finding>) {
        let Some(busy) = &mut self.busy else { return };
        busy.left = busy.left.saturating_sub(1);
        busy.ticks = busy.ticks.saturating_sub(1);
        if busy.ticks > 0 && busy.left > 0 {
            return;
        }
        busy.tries = busy.tries.saturating_sub(1);
        if busy.tries == 0 || busy.left == 0 {
            let why = if busy.left == 0 {
                "it took too long".to_owned()
            } else {
                format!("the device does not answer, asked {TRIES} times")
            };
            return self.finish(State::Failed(why), findings);
        }
        busy.ticks = PATIENCE;
        let number = busy.number;
        let want = busy.incoming.as_mut().and_then(|incoming| incoming.ask());
        let command = want.map_or_else(|| busy.command.clone(), message::Command::Want);
        self.send(number, command, findings);
    }

    fn send(&mut self, number: u16, command: message::Command, findings: &mut Vec<Finding>) {
        let Some(way) = self.way else { return };
        self.sequence = self.sequence.wrapping_add(1);
        let request = Request { number, command };
        match encode(way, self.sequence, &request) {
            Ok(frame) => findings.push(Finding::Down { device: self.device.clone(), way, frame }),
            // The longest request is a piece, and a piece fits.
            Err(error) => self.finish(State::Failed(error.to_string()), findings),
        }
    }
}

impl Busy {
    /// The device does something: patience begins anew.
    fn go_on(&mut self) {
        self.tries = TRIES;
        self.ticks = PATIENCE;
    }
}

fn encode(way: Way, sequence: u16, body: &impl Serialize) -> Result<Vec<u8>, frame::Error> {
    let mut buffer = [0; frame::MAX_LINE];
    match way {
        Way::Mqtt => frame::encode(sequence, body, &mut buffer),
        Way::Line(_) => frame::encode_line(sequence, body, &mut buffer),
    }
    .map(<[u8]>::to_vec)
}

fn tell(ticket: Option<Ticket>, state: State, findings: &mut Vec<Finding>) {
    if let Some(ticket) = ticket {
        findings.push(Finding::Command(Box::new(ticket), state));
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, clippy::panic, reason = "a test may stop where it fails")]
mod tests {
    use brooklet_core::message::{Command, Done, Mode, Refusal};
    use brooklet_core::transfer::{Piece, Want};
    use serde_json::Map;

    use super::*;

    fn link() -> Link {
        let mut link = Link::new(DeviceId("d".into()), 0, Timestamp(7));
        link.reached(Way::Mqtt);
        link
    }

    fn errand(id: &str, task: Task) -> Errand {
        Errand { ticket: Some(Ticket { topic: id.to_owned(), fields: Map::new() }), task }
    }

    fn mode() -> Task {
        Task::Ask(Command::SetMode(Mode::Raw))
    }

    /// Takes an errand and begins it if it can be; what that leads to.
    fn ask(link: &mut Link, errand: Errand, model: &[u8]) -> Vec<Finding> {
        let mut findings = Vec::new();
        link.push(errand, &mut findings);
        if let Some(next) = link.next() {
            link.begin(next, model.to_vec(), &mut findings);
        }
        findings
    }

    fn hear(link: &mut Link, message: Message) -> (Heard, Vec<Finding>) {
        let mut findings = Vec::new();
        (link.hear(&message, &mut findings), findings)
    }

    fn requests(findings: &[Finding]) -> Vec<Request> {
        let frame = |finding: &Finding| match finding {
            Finding::Down { frame, .. } => Some(frame::decode(frame).unwrap().1),
            _ => None,
        };
        findings.iter().filter_map(frame).collect()
    }

    fn states(findings: &[Finding]) -> Vec<(&str, &State)> {
        let states = findings.iter().filter_map(|finding| match finding {
            Finding::Command(ticket, state) => Some((ticket.topic.as_str(), state)),
            _ => None,
        });
        states.collect()
    }

    fn failed(findings: &[Finding]) -> &str {
        match states(findings).last() {
            Some((_, State::Failed(why))) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn two_devices_of_one_name_are_noticed() {
        let mut link = link();
        let mut heard = |line| link.reached(Way::Line(line));
        assert_eq!([0, 0, 1, 0, 1].map(&mut heard), [true, false, true, false, true]);
        link.lost(Way::Line(1), &mut Vec::new());
        assert!(!link.reached(Way::Line(0)));
    }

    #[test]
    fn one_request_at_a_time_and_no_more_than_fit() {
        let mut link = link();
        let first = ask(&mut link, errand("0", mode()), &[]);
        assert_eq!(states(&first), [("0", &State::Executing)]);
        for i in 1..=MOST_WAITING {
            assert_eq!(ask(&mut link, errand(&i.to_string(), mode()), &[]), []);
        }
        // The same once more is the same.
        assert_eq!(ask(&mut link, errand("0", mode()), &[]), []);
        let refused = ask(&mut link, errand("x", mode()), &[]);
        assert!(failed(&refused).contains("already wait"));
        let number = requests(&first)[0].number;
        let stray = Done { number: number.wrapping_sub(1), result: Ok(()) };
        assert_eq!(hear(&mut link, Message::Done(stray)), (Heard::Unasked, vec![]));
        let (heard, done) = hear(&mut link, Message::Done(Done { number, result: Ok(()) }));
        let obeyed = Heard::Obeyed(Command::SetMode(Mode::Raw));
        assert_eq!((heard, states(&done)), (obeyed, vec![("0", &State::Successful)]));
        let mut lost = Vec::new();
        link.lost(Way::Line(3), &mut lost);
        assert_eq!(lost, [], "another way");
        link.lost(Way::Mqtt, &mut lost);
        assert_eq!(states(&lost).len(), MOST_WAITING);
        assert!(failed(&ask(&mut link, errand("y", mode()), &[])).contains("not connected"));
    }

    #[test]
    fn a_silent_device_is_asked_again_and_given_up() {
        let mut link = link();
        let mut all = ask(&mut link, errand("0", mode()), &[]);
        for _ in 0..PATIENCE * u16::from(TRIES) {
            link.tick(&mut all);
        }
        let asked = requests(&all);
        assert_eq!(asked.len(), usize::from(TRIES));
        assert!(asked.iter().all(|request| *request == asked[0]));
        assert!(failed(&all).contains("does not answer"));
        assert!(!link.is_busy());
    }

    #[test]
    fn a_model_is_fetched_over_a_link_that_loses() {
        let (mut link, model) = (link(), vec![5; 1000]);
        let channel: Label = "t".try_into().unwrap();
        let offer = Offer::new(channel.clone(), &model).unwrap();
        let asked = requests(&ask(&mut link, errand("0", Task::Fetch(channel.clone())), &[]));
        let number = asked[0].number;
        assert_eq!(asked[0].command, Command::SendModel(channel.clone()));
        let other = Offer::new("u".try_into().unwrap(), &model).unwrap();
        assert_eq!(hear(&mut link, Message::Offer(other)).0, Heard::Unasked);
        // That it was understood is not yet the model.
        assert_eq!(hear(&mut link, Message::Done(Done { number, result: Ok(()) })), (Heard::Done, vec![]));
        let mut findings = hear(&mut link, Message::Offer(offer)).1;
        for round in 0.. {
            let wants = requests(&findings);
            findings.clear();
            let Some(Command::Want(want)) = wants.last().map(|request| request.command.clone()) else {
                // Nothing came: after a while it asks again.
                link.tick(&mut findings);
                continue;
            };
            assert_eq!(wants[0].number, number);
            for (i, piece) in transfer::pieces(&model, &want, 100).enumerate() {
                if (round + i) % 3 == 1 {
                    continue;
                }
                match link.hear(&Message::Piece(piece), &mut findings) {
                    Heard::Done => {}
                    Heard::Unasked | Heard::Obeyed(_) => panic!("it was asked for, and there is more"),
                    Heard::Fetched(seen, bytes) => {
                        assert_eq!((seen, &bytes), (channel, &model));
                        link.finish(State::Successful, &mut findings);
                        assert_eq!(states(&findings), [("0", &State::Successful)]);
                        return;
                    }
                }
            }
        }
    }

    #[test]
    fn a_model_is_sent_piece_by_piece_and_its_refusal_told() {
        let (mut link, model) = (link(), vec![5; 500]);
        let asked = requests(&ask(&mut link, errand("0", Task::Send("t".try_into().unwrap())), &model));
        let Command::Offer(offer) = asked[0].command.clone() else { panic!("{asked:?}") };
        let want = |transfer| Message::Want(Want { transfer, from: 192, most: 9 });
        assert_eq!(hear(&mut link, want(offer.transfer ^ 1)).0, Heard::Unasked);
        let (heard, findings) = hear(&mut link, want(offer.transfer));
        let pieces = requests(&findings);
        assert_eq!((heard, pieces.len()), (Heard::Done, 2));
        assert!(pieces.iter().all(|piece| piece.number == asked[0].number));
        let piece = Piece { transfer: offer.transfer, from: 0, data: Default::default() };
        assert_eq!(hear(&mut link, Message::Piece(piece)).0, Heard::Unasked);
        let done =
            Done { number: asked[0].number, result: Err(Refusal::Model(snapshot::Error::WrongShape(9))) };
        assert!(failed(&hear(&mut link, Message::Done(done)).1).contains("another version"));
    }

    #[test]
    fn a_device_that_only_ever_offers_does_not_hold_the_link_for_ever() {
        let mut link = link();
        let channel: Label = "t".try_into().unwrap();
        ask(&mut link, errand("0", Task::Fetch(channel.clone())), &[]);
        let mut findings = Vec::new();
        for i in 0..LONGEST {
            let bytes = i.to_le_bytes();
            let offer = Offer::new(channel.clone(), &bytes).unwrap();
            link.hear(&Message::Offer(offer), &mut findings);
            link.tick(&mut findings);
        }
        assert_eq!(failed(&findings), "it took too long");
        let long = Offer::new(channel.clone(), &vec![1; snapshot::MAX_BYTES + 1]).unwrap();
        ask(&mut link, errand("1", Task::Fetch(channel)), &[]);
        assert!(failed(&hear(&mut link, Message::Offer(long)).1).contains("4097 bytes"));
    }
}
