//! A device that talks to its gateway: what every board shares. No IO, no clock: the board brings readings, bytes and ticks,
//! and sends what it is given.
//!
//! Who learns is one line, the [`Mode`]:
//!
//! | mode | goes up | learns |
//! |---|---|---|
//! | `Raw` | each reading | gateway |
//! | `Features` | each window in a few figures: 64 bytes an hour at most | gateway, from those |
//! | `Verdicts` | alerts, how they go on and end; each window as a sign of life | device |
//!
//! Over LoRa (frames of 51 bytes) the default detector's model of 2,363 bytes takes 66 pieces of 36 bytes: 134 messages to
//! the device, which asks for one piece at a time, and 78 from it to a gateway that asks for eight. What is lost is asked
//! for again.

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::{Because, DefaultDetector, Detector};
use brooklet_core::frame::{self, Line};
use brooklet_core::message::{
    Command, Done, Hello, Judged, Label, Message, Mode, Reading, Refusal, Request, Summarizer, VERSION,
};
use brooklet_core::monitor::Monitor;
use brooklet_core::sample::Moment;
use brooklet_core::snapshot::{self, Snapshot};
use brooklet_core::traits::{Explain, Learner, Stepper};
use brooklet_core::transfer::{Incoming, LORA_PIECE, MAX_PIECE, Piece, Progress, Want, pieces};

/// The longest model that travels: the default detector's takes 3.2 kB.
pub const MAX_MODEL: usize = 3328;
/// Pieces asked for at once. One: no burst that a small buffer could lose, and over LoRa an answer follows each uplink.
const PIECES: u8 = 1;
/// Ticks without a piece after which a transfer is given up.
const PATIENCE: u8 = 30;
/// Bytes of a name.
const NAME: usize = 32;
/// Bytes of a LoRa payload at the slowest data rate.
const LORA_FRAME: usize = 51;
/// Bytes of a channel's name with which every verdict and summary fits one.
const LORA_NAME: usize = 14;

/// A model is loaded on the stack, which takes 21 kB on a Cortex-M0: of a part's 32 kB it and the drivers have the rest.
const _: () = assert!(size_of::<Device<DefaultDetector, 1>>() <= 7_500);

/// What a device needs of its board. A closure that sends is enough where models need not outlive power.
pub trait Board {
    /// Sends bytes: a frame, and on a serial line what stands around it.
    fn send(&mut self, bytes: &[u8]);

    /// Keeps a model in flash; false if that failed.
    fn keep(&mut self, channel: usize, model: &[u8]) -> bool {
        let _ = (channel, model);
        true
    }

    /// The gateway says who learns from now on; a board may keep that, too.
    fn mode(&mut self, mode: Mode) {
        let _ = mode;
    }
}

impl<F: FnMut(&[u8])> Board for F {
    fn send(&mut self, bytes: &[u8]) {
        self(bytes);
    }
}

/// A detector that devices can run, under its name in the gateway's registry.
pub trait Model: Learner<Input = Moment> + Stepper + Explain<Because = Because>
where
    Monitor<Self>: Snapshot,
    Self: Sized,
{
    /// The name.
    const NAME: &'static str;
    /// Its row's tag.
    const TAG: u32 = Detector::tag(Self::NAME).expect("the name of a registered detector");
}

impl Model for DefaultDetector {
    const NAME: &'static str = "default";
}

/// How frames travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// Between zeros on a serial line.
    Serial,
    /// One a payload.
    Mqtt,
    /// One a payload of at most 51 bytes.
    Lora,
}

/// When a window closes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Window {
    /// After so many readings without a time, at least 1.
    pub readings: u32,
    /// Of readings with one: at each full multiple of so many milliseconds, at least 1.
    pub millis: i64,
}

impl Window {
    /// An hour; of readings without a time 3,600.
    pub const HOUR: Self = Self { readings: 3_600, millis: 3_600_000 };
}

/// What a device is told when it is built.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// Its name, at most 32 bytes.
    pub name: &'a str,
    /// Who learns.
    pub mode: Mode,
    /// How frames travel.
    pub link: Link,
    /// The windows of summaries.
    pub window: Window,
    /// When an alert starts.
    pub alarm: Settings,
    /// While an alert lasts, every so many readings go up, at least 1.
    pub every: u16,
}

impl Config<'_> {
    /// A name has to be given.
    pub const DEFAULT: Self = Self {
        name: "",
        mode: Mode::Raw,
        link: Link::Serial,
        window: Window::HOUR,
        alarm: Settings::DEFAULT,
        every: 12,
    };
}

/// What went wrong so far. All stop at their largest value.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Readings that are no number: neither learnt nor sent.
    pub unusable: u32,
    /// Frames that were damaged, or that this version does not know.
    pub damaged: u32,
    /// Messages that are too long for the link.
    pub unsent: u32,
}

/// A device with `CHANNELS` channels, each with a detector of its own.
#[derive(Debug)]
pub struct Device<D, const CHANNELS: usize> {
    name: Label,
    mode: Mode,
    link: Link,
    window: Window,
    alarm: Settings,
    every: u16,
    channels: [Channel<D>; CHANNELS],
    sequence: u16,
    line: Line,
    staging: Incoming<MAX_MODEL>,
    /// Ticks since the last piece.
    idle: u8,
    /// The request whose model is on its way in.
    awaited: Option<u16>,
    answered: Option<Done>,
    counts: Counts,
}

/// What the gateway was told of a channel's alert. An end is told twice, as far apart as the readings of an alert: the first
/// may be lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Firing,
    Ended,
}

#[derive(Debug)]
struct Channel<D> {
    name: Label,
    monitor: Monitor<D>,
    window: Summarizer,
    /// Of the last reading in the window.
    time: Option<i64>,
    alert: Told,
    /// Readings since one of this alert was sent.
    since: u16,
}

impl<D: Model, const CHANNELS: usize> Device<D, CHANNELS>
where
    Monitor<D>: Snapshot,
{
    const DIGEST: u32 = snapshot::digest(D::NAME);

    /// A device whose channels have these names and detectors. Names are cut at 32 bytes; over LoRa those of channels at 14,
    /// or alerts would not fit.
    // Never inlined: what it is made of would take up its caller's stack for good.
    #[inline(never)]
    pub fn new(config: &Config<'_>, channels: [(&str, D); CHANNELS]) -> Self {
        let Config { name, mode, link, window, alarm, every } = *config;
        Self {
            name: label(name, NAME),
            mode,
            link,
            window,
            alarm,
            every,
            channels: channels.map(|(name, detector)| Channel {
                name: label(name, if link == Link::Lora { LORA_NAME } else { NAME }),
                monitor: Monitor::new(detector),
                window: Summarizer::new(),
                time: None,
                alert: Told::Nothing,
                since: 0,
            }),
            sequence: 0,
            line: Line::new(),
            staging: Incoming::new(),
            idle: 0,
            awaited: None,
            answered: None,
            counts: Counts::default(),
        }
    }

    /// Who learns.
    pub const fn mode(&self) -> Mode {
        self.mode
    }

    /// What went wrong so far.
    pub const fn counts(&self) -> Counts {
        self.counts
    }

    /// A channel's detector and alarm.
    pub fn monitor(&self, channel: usize) -> Option<&Monitor<D>> {
        self.channels.get(channel).map(|channel| &channel.monitor)
    }

    /// The first word after power-on.
    pub fn hello(&mut self, board: &mut impl Board) {
        let hello = Hello { device: self.name.clone(), version: VERSION, mode: self.mode };
        self.send(&Message::Hello(hello), board);
    }

    /// Takes a reading of a channel. `time` in milliseconds since 1970-01-01, if the board has a clock.
    pub fn reading(&mut self, channel: usize, time: Option<i64>, value: f32, board: &mut impl Board) {
        let Some(moment) = Moment::new(value, time) else {
            self.counts.unusable = self.counts.unusable.saturating_add(1);
            return;
        };
        if self.mode == Mode::Raw {
            let Some(Channel { name, .. }) = self.channels.get(channel) else { return };
            let reading = Reading { channel: name.clone(), time, value };
            self.send(&Message::Reading(reading), board);
            return;
        }
        self.summarize(channel, &moment, board);
        if self.mode == Mode::Verdicts {
            self.judge(channel, &moment, board);
        }
    }

    fn summarize(&mut self, channel: usize, moment: &Moment, board: &mut impl Board) {
        let Window { readings, millis } = self.window;
        let Some(Channel { name, window, time, .. }) = self.channels.get_mut(channel) else { return };
        let span = |time: i64| time.div_euclid(millis.max(1));
        let over = time.map(span) != moment.time().map(span);
        let closed = if over { window.finish(name.clone(), *time) } else { None };
        window.learn_one(moment.value());
        *time = moment.time();
        let full = if time.is_none() && window.count() >= readings {
            window.finish(name.clone(), None)
        } else {
            None
        };
        for summary in [closed, full].into_iter().flatten() {
            self.send(&Message::Summary(summary), board);
        }
    }

    fn judge(&mut self, channel: usize, moment: &Moment, board: &mut impl Board) {
        let Some(Channel { name, monitor, since, alert, .. }) = self.channels.get_mut(channel) else {
            return;
        };
        let (verdict, because) = monitor.step_explained(moment, &self.alarm);
        let change = verdict.fired || verdict.ended;
        if change {
            *alert = if verdict.ended { Told::Ended } else { Told::Firing };
        } else if *alert == Told::Nothing {
            return;
        }
        *since = if change { 0 } else { since.saturating_add(1) };
        if !change && *since < self.every {
            return;
        }
        *since = 0;
        let firing = *alert == Told::Firing;
        if !change && !firing {
            *alert = Told::Nothing;
        }
        let reading = Reading { channel: name.clone(), time: moment.time(), value: moment.value() };
        // Over LoRa the reasons do not fit.
        let because = because.filter(|_| self.link != Link::Lora);
        self.send(&Message::from(Judged { reading, verdict, because, firing }), board);
    }

    /// Takes a byte of a serial line.
    pub fn receive(&mut self, byte: u8, board: &mut impl Board) {
        let request = match self.line.push(byte) {
            None => return,
            Some(frame) => frame.and_then(frame::decode),
        };
        self.take(request, board);
    }

    /// Takes a frame: the payload of an MQTT or LoRa message.
    pub fn frame(&mut self, bytes: &[u8], board: &mut impl Board) {
        self.take(frame::decode(bytes), board);
    }

    fn take(&mut self, request: Result<(u16, Request), frame::Error>, board: &mut impl Board) {
        match request {
            Ok((_, request)) => self.request(&request, board),
            Err(_) => self.counts.damaged = self.counts.damaged.saturating_add(1),
        }
    }

    /// Does what the gateway asks for, and answers.
    pub fn request(&mut self, request: &Request, board: &mut impl Board) {
        match &request.command {
            Command::Piece(piece) => return self.piece(piece, board),
            Command::Want(want) => return self.wanted(want, board),
            _ => {}
        }
        let number = request.number;
        if let Some(done) = self.answered.filter(|done| done.number == number) {
            // The answer was lost: once more, without doing it again.
            self.send(&Message::Done(done), board);
            self.offer(&request.command, done.result, board);
            return;
        }
        let result = match &request.command {
            Command::Identify => {
                self.hello(board);
                Ok(())
            }
            Command::SetMode(mode) => {
                self.mode = *mode;
                self.channels.iter_mut().for_each(|channel| channel.window = Summarizer::new());
                board.mode(*mode);
                Ok(())
            }
            Command::Reset(name) => self.find(name).map(|channel| {
                channel.monitor.reset();
                channel.window = Summarizer::new();
            }),
            Command::SendModel(name) => self.stage(name),
            Command::Offer(offer) => {
                let accepted = self.find(&offer.channel).map(|_| ());
                match accepted.and_then(|()| self.staging.accept(offer, PIECES).ok_or(Refusal::TooLong)) {
                    Ok(want) => {
                        (self.awaited, self.idle) = (Some(number), 0);
                        self.send(&Message::Want(want), board);
                        return; // answered when the model is here
                    }
                    Err(refusal) => Err(refusal),
                }
            }
            _ => Err(Refusal::Unsupported),
        };
        self.answer(number, result, board);
        self.offer(&request.command, result, board);
    }

    /// Time passes; call it every second or so, rarer where sending is dear. Asks again for what did not come.
    pub fn tick(&mut self, board: &mut impl Board) {
        self.idle = self.idle.saturating_add(1);
        if self.awaited.is_none() {
            return;
        }
        if self.idle > PATIENCE {
            self.awaited = None;
            self.staging.clear();
        } else if let Some(want) = self.staging.ask() {
            self.send(&Message::Want(want), board);
        }
    }

    /// Has the board keep a channel's model, if none is on its way. False if it could not.
    pub fn save(&mut self, channel: usize, board: &mut impl Board) -> bool {
        let travelling = self.staging.offer().is_some() && self.idle <= PATIENCE;
        let Some(name) = self.channels.get(channel).map(|channel| channel.name.clone()) else { return false };
        if travelling || self.stage(&name).is_err() {
            return false;
        }
        let kept = self.staging.bytes().is_some_and(|model| board.keep(channel, model));
        self.staging.clear();
        kept
    }

    /// Goes on with a model that the board kept: `read` puts it at the front of the room and says its length.
    ///
    /// # Errors
    /// Why it cannot; the channel's model then stays as it was.
    pub fn restore(
        &mut self,
        channel: usize,
        read: impl FnOnce(&mut [u8]) -> Option<usize>,
    ) -> Result<(), Refusal> {
        let channel = self.channels.get_mut(channel).ok_or(Refusal::UnknownChannel)?;
        let loaded = match self.staging.hold(channel.name.clone(), read) {
            Some(_) => load(&mut channel.monitor, self.staging.bytes()),
            None => Err(Refusal::Storage),
        };
        self.staging.clear();
        loaded
    }

    /// A piece of the gateway's model.
    fn piece(&mut self, piece: &Piece, board: &mut impl Board) {
        let Some(number) = self.awaited else { return };
        let progress = self.staging.take(piece);
        if progress != Progress::Stray {
            self.idle = 0;
        }
        let result = match progress {
            Progress::More | Progress::Stray => return,
            Progress::Ask(want) => return self.send(&Message::Want(want), board),
            Progress::Complete => self.install(board),
            Progress::Damaged => Err(Refusal::Damaged),
        };
        self.staging.clear();
        self.awaited = None;
        self.answer(number, result, board);
    }

    /// Loads the model that came, and has it kept.
    fn install(&mut self, board: &mut impl Board) -> Result<(), Refusal> {
        let name = &self.staging.offer().ok_or(Refusal::Damaged)?.channel;
        let at = self.channels.iter().position(|channel| channel.name == *name);
        let (at, channel) =
            at.and_then(|at| Some((at, self.channels.get_mut(at)?))).ok_or(Refusal::UnknownChannel)?;
        load(&mut channel.monitor, self.staging.bytes())?;
        let kept = self.staging.bytes().is_some_and(|model| board.keep(at, model));
        if kept { Ok(()) } else { Err(Refusal::Storage) }
    }

    /// Puts a channel's model where it can be sent from.
    fn stage(&mut self, name: &Label) -> Result<(), Refusal> {
        let channel =
            self.channels.iter().find(|channel| channel.name == *name).ok_or(Refusal::UnknownChannel)?;
        self.awaited = None;
        let mut error = snapshot::Error::NoRoom;
        let held = self.staging.hold(name.clone(), |room| {
            match snapshot::save_row(&channel.monitor, D::TAG, Self::DIGEST, room) {
                Ok(model) => Some(model.len()),
                Err(why) => {
                    error = why;
                    None
                }
            }
        });
        self.idle = 0;
        held.map(|_| ()).ok_or(Refusal::Model(error))
    }

    /// Offers the model that was asked for.
    fn offer(&mut self, command: &Command, result: Result<(), Refusal>, board: &mut impl Board) {
        if let (Command::SendModel(name), Ok(()), None) = (command, result, self.awaited)
            && let Some(offer) = self.staging.offer().filter(|offer| offer.channel == *name).cloned()
        {
            self.send(&Message::Offer(offer), board);
        }
    }

    /// Sends pieces of the model that is held.
    fn wanted(&mut self, want: &Want, board: &mut impl Board) {
        let held = self.awaited.is_none()
            && self.staging.offer().is_some_and(|offer| offer.transfer == want.transfer);
        if !held {
            return;
        }
        self.idle = 0;
        let size = if self.link == Link::Lora { LORA_PIECE } else { MAX_PIECE };
        for piece in pieces(self.staging.bytes().unwrap_or(&[]), want, size) {
            send(&mut self.sequence, self.link, &mut self.counts, &Message::Piece(piece), board);
        }
    }

    fn answer(&mut self, number: u16, result: Result<(), Refusal>, board: &mut impl Board) {
        let done = Done { number, result };
        self.answered = Some(done);
        self.send(&Message::Done(done), board);
    }

    fn find(&mut self, name: &Label) -> Result<&mut Channel<D>, Refusal> {
        self.channels.iter_mut().find(|channel| channel.name == *name).ok_or(Refusal::UnknownChannel)
    }

    fn send(&mut self, message: &Message, board: &mut impl Board) {
        send(&mut self.sequence, self.link, &mut self.counts, message, board);
    }
}

/// Sends a message in the next frame.
fn send(sequence: &mut u16, link: Link, counts: &mut Counts, message: &Message, board: &mut impl Board) {
    let mut room = [0; frame::MAX_LINE];
    let encoded = match link {
        Link::Serial => frame::encode_line(*sequence, message, &mut room),
        Link::Mqtt => frame::encode(*sequence, message, &mut room),
        Link::Lora => frame::encode(*sequence, message, &mut room[..LORA_FRAME]),
    };
    let Ok(bytes) = encoded else {
        counts.unsent = counts.unsent.saturating_add(1);
        return;
    };
    *sequence = sequence.wrapping_add(1);
    board.send(bytes);
}

// Never inlined: what is read lies on the stack before it takes the place of the old one.
#[inline(never)]
fn load<D: Model>(monitor: &mut Monitor<D>, model: Option<&[u8]>) -> Result<(), Refusal>
where
    Monitor<D>: Snapshot,
{
    let model = model.ok_or(Refusal::Damaged)?;
    match snapshot::load_row(model, D::TAG, snapshot::digest(D::NAME)) {
        Ok(loaded) => *monitor = loaded,
        Err(error) => return Err(Refusal::Model(error)),
    }
    Ok(())
}

fn label(name: &str, most: usize) -> Label {
    let mut label = Label::new();
    for letter in name.chars() {
        if label.len() + letter.len_utf8() > most || label.push(letter).is_err() {
            break;
        }
    }
    label
}
