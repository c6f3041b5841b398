//! A device and its gateway, without the wire between them.

use brooklet_core::alarm::Settings;
use brooklet_core::anomaly::{DefaultDetector, Detector};
use brooklet_core::frame::{self, Line};
use brooklet_core::message::{Command, Done, Judged, Label, Message, Mode, Refusal, Request};
use brooklet_core::monitor::Monitor;
use brooklet_core::rng::Rng;
use brooklet_core::snapshot::{self, MAX_BYTES, digest};
use brooklet_core::transfer::{Incoming, MAX_PIECE, Offer, Progress, Want, pieces};
use brooklet_firmware::device::{Board, Config, Counts, Device, Link, MAX_MODEL, Window};
use brooklet_firmware::signal::{SHIFTED, Signal};

type Pico = Device<DefaultDetector, 1>;

/// What a device sent, and what it had kept.
#[derive(Default)]
struct Desk {
    sent: Vec<Vec<u8>>,
    kept: Vec<Vec<u8>>,
    worn: bool,
}

impl Board for Desk {
    fn send(&mut self, bytes: &[u8]) {
        self.sent.push(bytes.to_vec());
    }

    fn keep(&mut self, _channel: usize, model: &[u8]) -> bool {
        self.kept.push(model.to_vec());
        !self.worn
    }
}

impl Desk {
    /// Messages since the last call, of any link; each has the number after that of the one before.
    fn messages(&mut self) -> Vec<Message> {
        let mut line = Line::new();
        let decode = |bytes: Vec<u8>| {
            if bytes.starts_with(&[0]) && bytes.ends_with(&[0]) {
                let framed =
                    bytes.iter().find_map(|byte| line.push(*byte).map(|frame| frame.unwrap().to_vec()));
                frame::decode::<Message>(&framed.unwrap()).unwrap()
            } else {
                frame::decode::<Message>(&bytes).unwrap()
            }
        };
        let numbered: Vec<_> = self.sent.drain(..).map(decode).collect();
        assert!(numbered.windows(2).all(|two| two[1].0 == two[0].0.wrapping_add(1)));
        numbered.into_iter().map(|(_, message)| message).collect()
    }

    fn done(&mut self) -> Done {
        let messages = self.messages();
        let [Message::Done(done)] = messages[..] else { panic!("{messages:?}") };
        done
    }
}

fn pico(mode: Mode, link: Link) -> Pico {
    Device::new(&Config { name: "pico", mode, link, ..Config::DEFAULT }, [("temp", DefaultDetector::new())])
}

fn temp() -> Label {
    "temp".try_into().unwrap()
}

fn feed(device: &mut Pico, desk: &mut Desk, range: std::ops::Range<usize>) {
    for moment in Signal::new(1).take(range.end).skip(range.start) {
        device.reading(0, moment.time(), moment.value(), desk);
    }
}

fn learnt(readings: usize) -> Monitor<Detector> {
    let mut monitor = Monitor::new(Detector::from_name("default").unwrap());
    Signal::new(1).take(readings).for_each(|moment| {
        monitor.step(&moment, &Settings::DEFAULT);
    });
    monitor
}

fn saved(monitor: &Monitor<Detector>) -> Vec<u8> {
    snapshot::save(monitor, digest("default"), &mut [0; MAX_BYTES]).unwrap().to_vec()
}

fn request(number: u16, command: Command) -> Request {
    Request { number, command }
}

/// Sends a model as a gateway does; what the device makes of it.
fn offer(device: &mut Pico, desk: &mut Desk, number: u16, model: &[u8]) -> Done {
    let offer = Offer::new(temp(), model).unwrap();
    device.request(&request(number, Command::Offer(offer)), desk);
    loop {
        match desk.messages().pop().unwrap() {
            Message::Want(want) => {
                for piece in pieces(model, &want, MAX_PIECE) {
                    device.request(&request(0, Command::Piece(piece)), desk);
                }
            }
            Message::Done(done) => return done,
            other => panic!("{other:?}"),
        }
    }
}

/// Fetches a model as a gateway does.
fn fetch(device: &mut Pico, desk: &mut Desk, number: u16) -> Vec<u8> {
    device.request(&request(number, Command::SendModel(temp())), desk);
    let messages = desk.messages();
    let [Message::Done(Done { result: Ok(()), .. }), Message::Offer(offer)] = &messages[..] else {
        panic!("{messages:?}")
    };
    let mut incoming = Incoming::<MAX_BYTES>::new();
    let mut want = incoming.accept(offer, 8);
    while let Some(wanted) = want.take() {
        device.request(&request(0, Command::Want(wanted)), desk);
        for message in desk.messages() {
            let Message::Piece(piece) = message else { panic!("{message:?}") };
            if let Progress::Ask(next) = incoming.take(&piece) {
                want = Some(next);
            }
        }
    }
    incoming.bytes().unwrap().to_vec()
}

#[test]
fn raw_every_reading_goes_up_and_nothing_is_learnt() {
    for link in [Link::Serial, Link::Mqtt, Link::Lora] {
        let (mut device, mut desk) = (pico(Mode::Raw, link), Desk::default());
        device.hello(&mut desk);
        feed(&mut device, &mut desk, 0..100);
        let messages = desk.messages();
        let Message::Hello(hello) = &messages[0] else { panic!() };
        assert_eq!((hello.device.as_str(), hello.mode), ("pico", Mode::Raw));
        for (message, moment) in messages[1..].iter().zip(Signal::new(1)) {
            let Message::Reading(reading) = message else { panic!() };
            assert_eq!((reading.value, reading.time), (moment.value(), moment.time()));
        }
        assert_eq!(messages.len(), 101);
        assert_eq!(device.monitor(0), Some(&Monitor::new(DefaultDetector::new())));
    }
}

#[test]
fn features_an_hour_goes_up_in_less_than_64_bytes() {
    let (mut device, mut desk) = (pico(Mode::Features, Link::Lora), Desk::default());
    feed(&mut device, &mut desk, 0..288);
    assert!(desk.sent.iter().all(|frame| frame.len() <= 51));
    let counts: Vec<u32> =
        desk.messages().iter().map(|m| if let Message::Summary(s) = m { s.count } else { 0 }).collect();
    assert_eq!(counts, [12; 23]); // the last hour is not over
    assert_eq!(device.monitor(0), Some(&Monitor::new(DefaultDetector::new())));
    // Without a clock readings are counted.
    let window = Window { readings: 60, ..Window::HOUR };
    let config = Config { name: "pico", mode: Mode::Features, window, ..Config::DEFAULT };
    let mut device = Device::new(&config, [("temp", DefaultDetector::new())]);
    (0..150_u8).for_each(|i| device.reading(0, None, f32::from(i), &mut desk));
    let means = desk.messages().into_iter().map(|m| if let Message::Summary(s) = m { s.mean } else { 0.0 });
    assert_eq!(means.collect::<Vec<_>>(), [29.5, 89.5]);
}

#[test]
fn an_hour_on_a_clock_is_one_window_however_many_readings_it_has() {
    let (mut device, mut desk) = (pico(Mode::Features, Link::Serial), Desk::default());
    // Every 900 ms: 4,000 an hour.
    (0..8_001).for_each(|i| device.reading(0, Some(i * 900), 20.0, &mut desk));
    let counts: Vec<u32> =
        desk.messages().iter().map(|m| if let Message::Summary(s) = m { s.count } else { 0 }).collect();
    assert_eq!(counts, [4_000; 2]);
}

#[test]
fn over_lora_alerts_of_a_channel_with_a_long_name_fit() {
    let config = Config { name: "pico", mode: Mode::Verdicts, link: Link::Lora, ..Config::DEFAULT };
    let mut device = Device::new(&config, [("temperature of the cold store", DefaultDetector::new())]);
    // Numbers of frames take three bytes from 16,384 on.
    (0..16_384).for_each(|_| device.hello(&mut |_: &[u8]| ()));
    let mut desk = Desk::default();
    feed(&mut device, &mut desk, 0..2300);
    assert_eq!(device.counts(), Counts::default());
    // A fault of the sensor takes one more, which makes 51.
    assert_eq!(desk.sent.iter().map(Vec::len).max(), Some(50));
    let fired = |m: &Message| matches!(m, Message::Judged(judged) if judged.verdict.fired && judged.reading.channel == "temperature of");
    assert!(desk.messages().iter().any(fired));
}

#[test]
fn verdicts_the_device_learns_as_a_gateway_would() {
    for link in [Link::Serial, Link::Lora] {
        let (mut device, mut desk) = (pico(Mode::Verdicts, link), Desk::default());
        feed(&mut device, &mut desk, 0..2700);
        let messages = desk.messages();
        let judged = |message: &Message| match message {
            Message::Judged(judged) => Some(judged.clone()),
            Message::Faulty(faulty) => Some(faulty.judged()),
            _ => None,
        };
        let judged: Vec<Judged> = messages.iter().filter_map(judged).collect();
        // The gateway's own verdicts on the same readings.
        let mut monitor = Monitor::new(Detector::from_name("default").unwrap());
        let own: Vec<_> = Signal::new(1)
            .take(2700)
            .map(|moment| (moment, monitor.step_explained(&moment, &Settings::DEFAULT)))
            .filter(|(_, (verdict, _))| verdict.fired || verdict.ended)
            .collect();
        let changes: Vec<_> =
            judged.iter().filter(|judged| judged.verdict.fired || judged.verdict.ended).collect();
        assert_eq!(changes.len(), own.len());
        for (judged, (moment, (verdict, because))) in changes.iter().zip(&own) {
            assert_eq!((judged.verdict, judged.reading.time), (*verdict, moment.time()));
            assert_eq!(judged.because, because.filter(|_| link == Link::Serial), "over LoRa they do not fit");
        }
        assert!(changes.iter().any(|judged| judged.verdict.fired));
        assert!(judged.len() > changes.len(), "and some while an alert lasts");
        // What one message says that is lost, the next says as well: an alert is open, or is not.
        let mut open = false;
        for judged in &judged {
            open = (open || judged.verdict.fired) && !judged.verdict.ended;
            assert_eq!(judged.firing, open);
        }
        let after = |pair: &&[Judged]| pair[0].verdict.ended && !pair[1].verdict.fired && !pair[1].firing;
        assert!(judged.windows(2).any(|pair| after(&pair)), "an end is told twice");
        let alive = messages.iter().filter(|message| matches!(message, Message::Summary(_))).count();
        assert_eq!((messages.len(), alive), (judged.len() + alive, 2700 / 12 - 1));
        assert_eq!(fetch(&mut device, &mut desk, 1), saved(&learnt(2700)));
        assert_eq!(device.counts(), Counts::default());
    }
}

#[test]
fn a_model_travels_both_ways_and_goes_on_to_the_bit() {
    let (mut device, mut desk) = (pico(Mode::Raw, Link::Serial), Desk::default());
    let half = SHIFTED.start as usize - 10;
    let model = saved(&learnt(half));
    assert_eq!(offer(&mut device, &mut desk, 7, &model), Done { number: 7, result: Ok(()) });
    assert_eq!(desk.kept, std::slice::from_ref(&model));
    assert_eq!(fetch(&mut device, &mut desk, 8), model);
    device.request(&request(9, Command::SetMode(Mode::Verdicts)), &mut desk);
    assert_eq!((desk.done(), device.mode()), (Done { number: 9, result: Ok(()) }, Mode::Verdicts));
    feed(&mut device, &mut desk, half..half + 300);
    desk.messages();
    assert_eq!(fetch(&mut device, &mut desk, 10), saved(&learnt(half + 300)));
    // After a restart it goes on with what was kept.
    assert!(!device.save(0, &mut desk), "a model may still be on its way");
    (0..99).for_each(|_| device.tick(&mut desk));
    assert!(device.save(0, &mut desk));
    let kept = desk.kept.last().unwrap().clone();
    assert_eq!(kept, saved(&learnt(half + 300)));
    let mut restarted = pico(Mode::Verdicts, Link::Serial);
    let read = |room: &mut [u8]| {
        room[..kept.len()].copy_from_slice(&kept);
        Some(kept.len())
    };
    assert_eq!(restarted.restore(0, read), Ok(()));
    assert_eq!(restarted.monitor(0), device.monitor(0));
}

#[test]
fn a_wrong_model_is_refused_with_its_reason_and_the_old_one_stays() {
    let (mut device, mut desk) = (pico(Mode::Verdicts, Link::Serial), Desk::default());
    feed(&mut device, &mut desk, 0..200);
    desk.messages();
    let before = device.monitor(0).cloned();
    let model = saved(&learnt(300));
    let mut of_another = Monitor::new(Detector::from_name("zscore").unwrap());
    Signal::new(1).take(50).for_each(|moment| {
        of_another.step(&moment, &Settings::DEFAULT);
    });
    let mut damaged = model.clone();
    damaged[100] ^= 1;
    let mut unknown = model.clone();
    unknown[4] = 9;
    let under = |digest| snapshot::save(&learnt(300), digest, &mut [0; MAX_BYTES]).unwrap().to_vec();
    let cases = [
        (saved(&of_another), snapshot::Error::Invalid),
        (under(5), snapshot::Error::WrongDigest(5)),
        (damaged, snapshot::Error::Damaged),
        (unknown, snapshot::Error::UnknownFormat(9)),
        (model[..2000].to_vec(), snapshot::Error::Truncated),
        (b"{}".repeat(20), snapshot::Error::NotASnapshot),
    ];
    for (number, (model, reason)) in (1..).zip(cases) {
        let done = offer(&mut device, &mut desk, number, &model);
        match done.result {
            // What one learner's bytes are as another's is the decoder's word: one of two.
            Err(Refusal::Model(snapshot::Error::WrongShape(_) | snapshot::Error::Invalid))
                if reason == snapshot::Error::Invalid => {}
            other => assert_eq!(other, Err(Refusal::Model(reason))),
        }
        assert_eq!(device.monitor(0), before.as_ref());
    }
    assert!(desk.kept.is_empty());
    let too_long = Offer::new(temp(), &[1; MAX_MODEL + 1]).unwrap();
    let of_none = Offer::new("no such".try_into().unwrap(), &[1]).unwrap();
    for (number, offer, refusal) in [(20, too_long, Refusal::TooLong), (21, of_none, Refusal::UnknownChannel)]
    {
        device.request(&request(number, Command::Offer(offer)), &mut desk);
        assert_eq!(desk.done(), Done { number, result: Err(refusal) });
    }
    desk.worn = true;
    assert_eq!(offer(&mut device, &mut desk, 22, &model).result, Err(Refusal::Storage));
}

#[test]
fn a_repeated_request_is_answered_again_and_done_once() {
    let (mut device, mut desk) = (pico(Mode::Verdicts, Link::Serial), Desk::default());
    feed(&mut device, &mut desk, 0..20);
    desk.messages();
    device.request(&request(3, Command::Reset(temp())), &mut desk);
    assert_eq!(desk.done().result, Ok(()));
    feed(&mut device, &mut desk, 20..40);
    desk.messages();
    let learnt = device.monitor(0).cloned();
    device.request(&request(3, Command::Reset(temp())), &mut desk);
    assert_eq!(desk.done(), Done { number: 3, result: Ok(()) });
    assert_eq!(device.monitor(0), learnt.as_ref());
    // A model staged is offered again, the same one; a model on its way is asked for where it was.
    device.request(&request(4, Command::SendModel(temp())), &mut desk);
    let first = desk.messages();
    feed(&mut device, &mut desk, 40..45);
    desk.messages();
    device.request(&request(4, Command::SendModel(temp())), &mut desk);
    assert_eq!(desk.messages(), first);
    // What is refused is answered, and nothing else is sent.
    let of_none = request(6, Command::SendModel("no such".try_into().unwrap()));
    for _ in 0..2 {
        device.request(&of_none, &mut desk);
        assert_eq!(desk.done(), Done { number: 6, result: Err(Refusal::UnknownChannel) });
    }
    let model = saved(&self::learnt(50));
    let offered = request(5, Command::Offer(Offer::new(temp(), &model).unwrap()));
    for _ in 0..2 {
        device.request(&offered, &mut desk);
        let messages = desk.messages();
        let [Message::Want(want @ Want { from: 0 | 192, .. })] = messages[..] else { panic!("{messages:?}") };
        let piece = pieces(&model, &want, MAX_PIECE).next().unwrap();
        device.request(&request(0, Command::Piece(piece)), &mut desk);
        desk.messages();
    }
    assert_eq!(offer(&mut device, &mut desk, 5, &model).result, Ok(()));
    device.request(&offered, &mut desk);
    assert_eq!(desk.done(), Done { number: 5, result: Ok(()) });
    assert_eq!(desk.kept.len(), 1);
}

#[test]
fn what_the_line_damages_is_counted() {
    let (mut device, mut desk) = (pico(Mode::Raw, Link::Serial), Desk::default());
    let identify = request(1, Command::Identify);
    let line = frame::encode_line(0, &identify, &mut [0; 64]).unwrap().to_vec();
    let mut damaged = line.clone();
    damaged[3] ^= 0x80;
    damaged.iter().chain(&line).for_each(|byte| device.receive(*byte, &mut desk));
    assert!(matches!(
        desk.messages()[..],
        [Message::Hello(_), Message::Done(Done { number: 1, result: Ok(()) })]
    ));
    device.frame(&[1, 2, 3], &mut desk);
    for value in [f32::NAN, f32::INFINITY] {
        device.reading(0, None, value, &mut desk);
    }
    device.reading(9, None, 1.0, &mut desk);
    assert_eq!(device.counts(), Counts { unusable: 2, damaged: 2, unsent: 0 });
    assert!(desk.sent.is_empty());
}

/// Over LoRa, with and without losses. Counts messages both ways.
fn over_lora(rng: &mut Rng, lossy: bool) -> (usize, usize) {
    let (mut device, mut desk) = (pico(Mode::Raw, Link::Lora), Desk::default());
    let model = saved(&learnt(2700));
    let mut messages = 0;
    let mut lost = || lossy && rng.next_u64().is_multiple_of(5);
    // To the device.
    let offer = request(1, Command::Offer(Offer::new(temp(), &model).unwrap()));
    let mut down = vec![offer.clone()];
    let result = 'sent: loop {
        for next in down.drain(..) {
            let mut buffer = [0; 51];
            let frame = frame::encode(messages as u16, &next, &mut buffer).unwrap();
            messages += 1;
            if !lost() {
                device.frame(frame, &mut desk);
            }
        }
        if desk.sent.is_empty() {
            device.tick(&mut desk);
        }
        if desk.sent.is_empty() {
            down.push(offer.clone());
        }
        assert!(desk.sent.iter().all(|frame| frame.len() <= 51));
        messages += desk.sent.len();
        desk.sent.retain(|_| !lost());
        // Those lost leave gaps in the sequence: one at a time.
        let came: Vec<Vec<u8>> = desk.sent.drain(..).collect();
        for frame in came {
            match frame::decode::<Message>(&frame).unwrap().1 {
                Message::Want(want) => {
                    down.extend(pieces(&model, &want, 36).map(|piece| request(0, Command::Piece(piece))));
                }
                Message::Done(done) => break 'sent done.result,
                other => panic!("{other:?}"),
            }
        }
    };
    assert_eq!((result, &desk.kept), (Ok(()), &vec![model.clone()]));
    // And from it.
    let (there, mut messages) = (messages, 0);
    let mut incoming = Incoming::<MAX_BYTES>::new();
    let send_model = request(2, Command::SendModel(temp()));
    let mut down = Some(send_model.clone());
    while incoming.bytes().is_none() {
        let next = down.take().or_else(|| incoming.ask().map(|want| request(0, Command::Want(want))));
        let next = next.unwrap_or_else(|| send_model.clone());
        let mut buffer = [0; 51];
        let frame = frame::encode(messages as u16, &next, &mut buffer).unwrap();
        messages += 1;
        if !lost() {
            device.frame(frame, &mut desk);
        }
        assert!(desk.sent.iter().all(|frame| frame.len() <= 51));
        messages += desk.sent.len();
        desk.sent.retain(|_| !lost());
        let came: Vec<Vec<u8>> = desk.sent.drain(..).collect();
        for frame in came {
            let want = match frame::decode::<Message>(&frame).unwrap().1 {
                Message::Offer(offer) => incoming.accept(&offer, 8),
                Message::Piece(piece) => match incoming.take(&piece) {
                    Progress::Ask(want) => Some(want),
                    _ => None,
                },
                _ => None,
            };
            if let Some(want) = want {
                down = Some(request(0, Command::Want(want)));
            }
        }
    }
    assert_eq!(incoming.bytes(), Some(model.as_slice()));
    (there, messages)
}

#[test]
fn a_model_goes_over_lora_whole_whatever_is_lost() {
    let mut rng = Rng::new(1);
    let pieces = saved(&learnt(2700)).len().div_ceil(36);
    // Offer, a want a piece, answer; the request, its answer and offer, a want for eight pieces.
    assert_eq!(over_lora(&mut rng, false), (2 * pieces + 2, pieces + pieces.div_ceil(8) + 3));
    println!("{pieces} pieces, {:?} messages", over_lora(&mut rng, false));
    for _ in 0..20 {
        let (there, back) = over_lora(&mut rng, true);
        assert!(there > 2 * pieces && back > pieces);
    }
}
