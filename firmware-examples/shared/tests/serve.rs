//! The boards' loop on a clock that the test moves: a sensor on a fake bus, a gateway at the other end of a fake line.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::convert::Infallible;
use std::f32::consts::TAU;
use std::future::{Future, pending};
use std::pin::pin;
use std::task::{Context, Poll, Waker};

use brooklet_core::frame::{self, Line, Sequence, Step};
use brooklet_core::message::{Command, Message, Mode, Request};
use brooklet_core::transfer::Want;
use brooklet_firmware::accelerometer::{Mpu6050, RATE};
use brooklet_firmware::device::Config;
use brooklet_firmware::serve::{Event, serve};
use brooklet_firmware::simulated::Memory;
use embassy_time::{Duration, Instant, MockDriver};
use embedded_hal_async::i2c::{self, ErrorKind, I2c, NoAcknowledgeSource, Operation};
use embedded_io_async::{ErrorType, Read, Write};

/// A board's surroundings.
struct World {
    plugged: Cell<bool>,
    open: Cell<bool>,
    to_gateway: RefCell<Vec<u8>>,
    to_board: RefCell<VecDeque<u8>>,
    events: RefCell<Vec<Event>>,
}

/// An accelerometer that swings by 0.5 g at 10 Hz along x, gravity along z.
struct Bus<'a>(&'a World);

impl i2c::ErrorType for Bus<'_> {
    type Error = ErrorKind;
}

impl I2c for Bus<'_> {
    async fn transaction(&mut self, _address: u8, operations: &mut [Operation<'_>]) -> Result<(), ErrorKind> {
        if !self.0.plugged.get() {
            return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
        }
        let phase = TAU * 10.0 * Instant::now().as_micros() as f32 / 1e6;
        for operation in operations {
            match operation {
                Operation::Read([name]) => *name = 0x68,
                Operation::Read(axes) => {
                    let counts = [(0.5 * 8192.0 * phase.sin()) as i16, 0, 8192].map(i16::to_be_bytes);
                    axes.copy_from_slice(counts.as_flattened());
                }
                Operation::Write(_) => {}
            }
        }
        Ok(())
    }
}

struct Port<'a>(&'a World);

impl ErrorType for Port<'_> {
    type Error = Infallible;
}

impl Read for Port<'_> {
    async fn read(&mut self, bytes: &mut [u8]) -> Result<usize, Infallible> {
        let n = {
            let mut waiting = self.0.to_board.borrow_mut();
            let n = bytes.len().min(waiting.len());
            bytes.iter_mut().zip(waiting.drain(..n)).for_each(|(to, from)| *to = from);
            n
        };
        if n > 0 { Ok(n) } else { pending().await }
    }
}

impl Write for Port<'_> {
    async fn write(&mut self, bytes: &[u8]) -> Result<usize, Infallible> {
        std::future::poll_fn(|_| if self.0.open.get() { Poll::Ready(()) } else { Poll::Pending }).await;
        self.0.to_gateway.borrow_mut().extend(bytes);
        Ok(bytes.len())
    }

    async fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

/// What the gateway got since it was asked last. Every frame must be whole.
fn messages(world: &World, line: &mut Line) -> Vec<(u16, Message)> {
    let bytes = world.to_gateway.take();
    let mut frames = Vec::new();
    for byte in bytes {
        if let Some(frame) = line.push(byte) {
            frames.push(frame::decode(frame.expect("a whole frame")).expect("a message"));
        }
    }
    frames
}

fn values(messages: &[(u16, Message)], name: &str) -> Vec<f32> {
    let of = |message: &Message| match message {
        Message::Reading(reading) if reading.channel == name => Some(reading.value),
        _ => None,
    };
    messages.iter().filter_map(|(_, message)| of(message)).collect()
}

#[test]
fn a_board_samples_sends_and_listens_whatever_fails_around_it() {
    let world = World {
        plugged: Cell::new(true),
        open: Cell::new(true),
        to_gateway: RefCell::default(),
        to_board: RefCell::default(),
        events: RefCell::default(),
    };
    let config = Config { name: "board", mode: Mode::Raw, ..Config::DEFAULT };
    let mut board = pin!(serve(
        config,
        Mpu6050::new(Bus(&world)),
        async || 21.5,
        (Port(&world), Port(&world)),
        (Memory::<8192>::new(), [0..4096, 4096..8192]),
        |event| world.events.borrow_mut().push(event),
    ));
    let mut seconds = |n: u32| {
        for _ in 0..n * u32::from(RATE) {
            MockDriver::get().advance(Duration::from_hz(u64::from(RATE)));
            for _ in 0..3 {
                assert!(board.as_mut().poll(&mut Context::from_waker(Waker::noop())).is_pending());
            }
        }
    };
    let line = &mut Line::new();

    // It says who it is, then both channels once a second; vibration as soon as there is a whole second of it.
    seconds(10);
    let seen = messages(&world, line);
    assert!(matches!(&seen[0], (0, Message::Hello(hello)) if hello.device == "board"));
    assert_eq!(world.events.borrow()[0], Event::Start { channel: 0, restored: false });
    assert!((9..=10).contains(&values(&seen, "temperature").len()));
    let vibration = values(&seen, "vibration");
    assert!((7..=9).contains(&vibration.len()));
    // 0.5 g of amplitude, whatever gravity does.
    assert!(vibration.iter().all(|g| (g - 0.5 / 2_f32.sqrt()).abs() < 1e-3), "{vibration:?}");

    // Without its accelerometer it sends the rest, and goes on as before once that is back.
    world.plugged.set(false);
    seconds(10);
    let seen = messages(&world, line);
    assert!(values(&seen, "vibration").len() <= 1);
    assert_eq!(values(&seen, "temperature").len(), 10);
    assert!(world.events.borrow().contains(&Event::AccelerometerLost));
    assert!(world.events.borrow().contains(&Event::NoAccelerometer));
    world.plugged.set(true);
    seconds(10);
    assert!((7..=9).contains(&values(&messages(&world, line), "vibration").len()));

    // Nobody reads the line for two minutes: sampling goes on, what is kept is whole, what is lost shows in the numbers.
    world.open.set(false);
    world.events.borrow_mut().clear();
    seconds(120);
    assert_eq!(messages(&world, line), []);
    let measured = |event: &&Event| matches!(event, Event::Measured { g: Some(_), .. });
    assert!(world.events.borrow().iter().filter(measured).count() >= 119);
    world.open.set(true);
    seconds(10);
    let seen = messages(&world, line);
    let (mut sequence, mut lost) = (Sequence::new(), 0);
    for (number, _) in &seen {
        match sequence.follow(*number) {
            Step::Next { lost: n } => lost += usize::from(n),
            step => panic!("{step:?}"),
        }
    }
    assert!(lost > 100, "{lost}");
    assert!((255..=260).contains(&(lost + seen.len())), "{lost} and {}", seen.len());

    // What the gateway says is done at once.
    let request = Request { number: 1, command: Command::SetMode(Mode::Verdicts) };
    let mut room = [0; frame::MAX_LINE];
    world.to_board.borrow_mut().extend(frame::encode_line(0, &request, &mut room).unwrap());
    seconds(10);
    let seen = messages(&world, line);
    assert!(seen.iter().any(|(_, message)| matches!(message, Message::Done(done) if done.result.is_ok())));
    assert!(values(&seen, "temperature").len() <= 1, "verdicts, no readings");

    // A gateway wants eight pieces of a model at once, and all of them come.
    let mut ask = |number, command| {
        let request = Request { number, command };
        world.to_board.borrow_mut().extend(frame::encode_line(0, &request, &mut room).unwrap());
        seconds(1);
        messages(&world, line).into_iter().map(|(_, message)| message).collect::<Vec<_>>()
    };
    let said = ask(2, Command::SendModel("temperature".try_into().unwrap()));
    let offer =
        said.iter().find_map(|message| if let Message::Offer(offer) = message { Some(offer) } else { None });
    let want = Want { transfer: offer.unwrap().transfer, from: 0, most: 8 };
    let pieces = ask(2, Command::Want(want));
    let pieces = pieces.iter().filter(|message| matches!(message, Message::Piece(_)));
    assert_eq!(pieces.count(), 8);
}

#[test]
fn the_sensor_is_sampled_at_its_own_rate() {
    assert_eq!(Duration::from_hz(u64::from(RATE)) * u32::from(RATE), Duration::from_secs(1));
}
