//! A device on a line over TCP, with the core's own types: what a board does, without the board.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::{DefaultDetector, Detector};
use brooklet_core::frame::{self, Line};
use brooklet_core::message::{
    Command, Done, Hello, Judged, Message, Mode, Reading, Refusal, Request, Summarizer, VERSION,
};
use brooklet_core::monitor::{Monitor, Verdict};
use brooklet_core::sample::Moment;
use brooklet_core::snapshot;
use brooklet_core::transfer::{Incoming, MAX_PIECE, Offer, Progress, pieces};

use crate::record::Record;
use crate::{PATIENCE, signal};

/// The board's only channel.
pub const CHANNEL: &str = "temp";
/// Readings in a window of [`Mode::Features`].
pub const WINDOW: u32 = 10;
/// Pieces it asks for at once.
const PIECES: u8 = 4;

/// A device that learns one channel with the default detector.
pub struct Board {
    name: &'static str,
    listener: TcpListener,
    stream: Option<TcpStream>,
    requests: Arc<Record<Request>>,
    answered: AtomicUsize,
    sequence: u16,
    /// What it sends.
    pub mode: Mode,
    /// What it has learnt.
    pub monitor: Monitor<DefaultDetector>,
    window: Summarizer,
    incoming: Incoming<{ snapshot::MAX_BYTES }>,
    outgoing: Vec<u8>,
    firing: bool,
}

impl Board {
    /// A board on a port of its own.
    ///
    /// # Panics
    /// If there is no port to be had.
    #[must_use]
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            listener: TcpListener::bind("127.0.0.1:0").expect("a port"),
            stream: None,
            requests: Arc::default(),
            answered: AtomicUsize::new(0),
            sequence: u16::MAX,
            mode: Mode::Raw,
            monitor: Monitor::new(DefaultDetector::new()),
            window: Summarizer::new(),
            incoming: Incoming::new(),
            outgoing: Vec::new(),
            firing: false,
        }
    }

    /// Where it listens, as in a configuration.
    ///
    /// # Panics
    /// If it does not.
    #[must_use]
    pub fn port(&self) -> String {
        format!("tcp://{}", self.listener.local_addr().expect("an address"))
    }

    /// Waits until the agent has opened the line.
    ///
    /// # Panics
    /// If it does not connect at all (the test then hangs no longer than its agent lives).
    pub fn plug_in(&mut self) {
        let (stream, _) = self.listener.accept().expect("the agent connects");
        let mut from = stream.try_clone().expect("a second handle");
        let into = self.requests.clone();
        thread::spawn(move || {
            let (mut line, mut chunk) = (Line::new(), [0; 512]);
            while let Ok(length @ 1..) = from.read(&mut chunk) {
                for byte in &chunk[..length] {
                    if let Some(found) = line.push(*byte) {
                        into.push(
                            found.and_then(frame::decode::<Request>).expect("the agent's frames are whole").1,
                        );
                    }
                }
            }
        });
        self.stream = Some(stream);
    }

    /// Cuts the line.
    pub fn unplug(&mut self) {
        if let Some(stream) = self.stream.take() {
            let _ = stream.shutdown(Shutdown::Both);
        }
    }

    /// Bytes as they are.
    ///
    /// # Panics
    /// If the line is cut.
    pub fn write(&mut self, bytes: &[u8]) {
        self.stream.as_mut().expect("plugged in").write_all(bytes).expect("the agent reads");
    }

    /// A message as it stands on the line, with the next number.
    ///
    /// # Panics
    /// If it does not fit a frame.
    pub fn framed(&mut self, message: &Message) -> Vec<u8> {
        self.sequence = self.sequence.wrapping_add(1);
        frame::encode_line(self.sequence, message, &mut [0; frame::MAX_LINE]).expect("it fits").to_vec()
    }

    /// Sends a message.
    pub fn send(&mut self, message: &Message) {
        let bytes = self.framed(message);
        self.write(&bytes);
    }

    /// Says who it is.
    pub fn hello(&mut self) {
        let hello = Message::Hello(Hello { device: label(self.name), version: VERSION, mode: self.mode });
        self.send(&hello);
    }

    /// Reading `i` of a sensor that is faulty at times.
    ///
    /// # Panics
    /// Never: the sensor's values are finite.
    #[must_use]
    #[allow(clippy::cast_possible_truncation, reason = "a sensor's precision")]
    pub fn reading(i: usize, faulty: &std::ops::Range<usize>) -> Reading {
        let (time, value) = (signal::time(i) * 1000, signal::shifted(i, faulty) as f32);
        Reading { channel: label(CHANNEL), time: Some(time), value }
    }

    /// What this mode makes of a reading; the verdict if it judged it.
    pub fn sense(&mut self, reading: Reading) -> Option<Verdict> {
        match self.mode {
            Mode::Raw => self.send(&Message::Reading(reading)),
            Mode::Features => {
                self.window.learn_one(reading.value);
                if self.window.count() == WINDOW
                    && let Some(summary) = self.window.finish(reading.channel, reading.time)
                {
                    self.send(&Message::Summary(summary));
                }
            }
            Mode::Verdicts => {
                let (verdict, because) = step(&mut self.monitor, &reading);
                self.firing = (self.firing || verdict.fired) && !verdict.ended;
                self.send(&Message::from(Judged { reading, verdict, because, firing: self.firing }));
                return Some(verdict);
            }
        }
        None
    }

    /// Its model as a snapshot.
    ///
    /// # Panics
    /// Never: there is room.
    #[must_use]
    pub fn snapshot(&self) -> Vec<u8> {
        let tag = Detector::tag("default").expect("a detector");
        let mut buffer = [0; snapshot::MAX_BYTES];
        let used = snapshot::save_row(&self.monitor, tag, snapshot::digest("default"), &mut buffer);
        used.expect("room").to_vec()
    }

    /// Waits for the next request, without answering it.
    ///
    /// # Panics
    /// If none comes.
    pub fn request(&self) -> Request {
        let next = self.answered.fetch_add(1, Ordering::Relaxed);
        self.requests.wait(next, PATIENCE, |request| Some(request.clone())).expect("a request")
    }

    /// Waits for the next request, does what it asks for, and answers.
    pub fn answer(&mut self) -> Request {
        let request = self.request();
        let number = request.number;
        match request.command.clone() {
            Command::Identify => {
                self.hello();
                self.done(number, Ok(()));
            }
            Command::SetMode(mode) => {
                self.mode = mode;
                self.done(number, Ok(()));
            }
            Command::Reset(channel) => {
                let known = channel == CHANNEL;
                if known {
                    self.monitor = Monitor::new(DefaultDetector::new());
                }
                self.done(number, if known { Ok(()) } else { Err(Refusal::UnknownChannel) });
            }
            Command::SendModel(channel) if channel == CHANNEL => {
                let model = self.snapshot();
                self.offer(model);
            }
            Command::SendModel(_) => self.done(number, Err(Refusal::UnknownChannel)),
            Command::Offer(offer) if offer.channel == CHANNEL => match self.incoming.accept(&offer, PIECES) {
                Some(want) => self.send(&Message::Want(want)),
                None => self.done(number, Err(Refusal::TooLong)),
            },
            Command::Offer(_) => self.done(number, Err(Refusal::UnknownChannel)),
            Command::Want(want) => {
                let pieces: Vec<_> = pieces(&self.outgoing, &want, MAX_PIECE).collect();
                pieces.into_iter().for_each(|piece| self.send(&Message::Piece(piece)));
            }
            Command::Piece(piece) => match self.incoming.take(&piece) {
                Progress::Ask(want) => self.send(&Message::Want(want)),
                Progress::Complete => {
                    let loaded = self.load();
                    self.done(number, loaded);
                }
                Progress::Damaged => self.done(number, Err(Refusal::Damaged)),
                Progress::More | Progress::Stray => {}
            },
        }
        request
    }

    /// Offers these bytes as its model.
    ///
    /// # Panics
    /// If there are none.
    pub fn offer(&mut self, model: Vec<u8>) {
        let offer = Offer::new(label(CHANNEL), &model).expect("bytes");
        self.outgoing = model;
        self.send(&Message::Offer(offer));
    }

    /// Answers requests until one of them leads to what `is_it` looks for.
    pub fn answer_until(&mut self, mut is_it: impl FnMut(&Self, &Request) -> bool) {
        loop {
            let request = self.answer();
            if is_it(self, &request) {
                return;
            }
        }
    }

    /// Whole, and loaded: nothing of a model is still on its way in.
    #[must_use]
    pub fn is_loaded(&self) -> bool {
        self.incoming.bytes().is_some()
    }

    fn load(&mut self) -> Result<(), Refusal> {
        let tag = Detector::tag("default").expect("a detector");
        let bytes = self.incoming.bytes().expect("complete");
        self.monitor = snapshot::load_row(bytes, tag, snapshot::digest("default")).map_err(Refusal::Model)?;
        Ok(())
    }

    /// Answers a request.
    pub fn done(&mut self, number: u16, result: Result<(), Refusal>) {
        self.send(&Message::Done(Done { number, result }));
    }
}

/// Judges and learns a reading.
///
/// # Panics
/// If it is not finite.
pub fn step(
    monitor: &mut Monitor<DefaultDetector>,
    reading: &Reading,
) -> (Verdict, Option<brooklet_core::anomaly::Because>) {
    let moment = Moment::new(reading.value, reading.time).expect("finite");
    monitor.step_explained(&moment, &Settings::DEFAULT)
}

fn label(text: &str) -> brooklet_core::message::Label {
    text.try_into().expect("a short name")
}
