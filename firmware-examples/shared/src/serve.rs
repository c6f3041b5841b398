//! The loop of the boards that run embassy: sample, learn, send; meanwhile take what the gateway says.

use core::future::pending;
use core::ops::Range;

use brooklet_core::anomaly::DefaultDetector;
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_time::{Duration, Instant, Ticker, with_timeout};
use embedded_hal_async::i2c::I2c;
use embedded_io_async::{Read, Write};
use embedded_storage::nor_flash::NorFlash;

use crate::accelerometer::{Error, Mpu6050, RATE};
use crate::device::{Board, Config, Device};
use crate::slots::Slots;
use crate::vibration::Vibration;

/// What learns: vibration in g and the chip's temperature in °C, once a second each.
pub type Pipeline = Device<DefaultDetector, 2>;
const VIBRATION: usize = 0;
const TEMPERATURE: usize = 1;

/// Seconds between two saves of the models: flash of 10,000 cycles lasts for over ten years.
const SAVE_EVERY: u32 = 6 * 3600;
const PERIOD: Duration = Duration::from_hz(RATE as u64);
/// What the sensor has to answer in; a transfer takes half a millisecond.
const ANSWER: Duration = Duration::from_millis(20);

/// Frames on their way out. Sampling never waits for the line: a frame that finds no room is dropped whole, and the gateway
/// sees by the sequence number that it is missing. There is room for the eight pieces of a model that it wants at once.
type Outbox = Pipe<NoopRawMutex, 2048>;

/// What a person with a debug probe wants to know.
#[derive(Clone, Copy, Debug, PartialEq, defmt::Format)]
pub enum Event {
    /// Power-on: this channel goes on with the model that was kept, or learns anew.
    Start {
        /// 0: vibration, 1: temperature.
        channel: usize,
        /// Whether a model was there.
        restored: bool,
    },
    /// What was measured in the last second; without vibration if there was no whole second of it.
    Measured {
        /// Root mean square of what moves, all axes.
        g: Option<f32>,
        /// The chip's temperature.
        celsius: f32,
    },
    /// Nothing answers: look at the accelerometer's wires.
    NoAccelerometer,
    /// What answers is no MPU-6050, but calls itself this.
    NotAnMpu6050(u8),
    /// The accelerometer no longer answers.
    AccelerometerLost,
    /// This channel's model could not be kept.
    NotSaved(usize),
}

/// Runs for ever. `models` tells where in flash the models of both channels are kept, each in two slots; an empty range
/// keeps none.
pub async fn serve<I: I2c>(
    config: Config<'_>,
    mut accelerometer: Mpu6050<I>,
    mut temperature: impl AsyncFnMut() -> f32,
    (mut rx, mut tx): (impl Read, impl Write),
    (flash, models): (impl NorFlash, [Range<u32>; 2]),
    mut log: impl FnMut(Event),
) -> ! {
    let outbox = Outbox::new();
    let send = async {
        let mut bytes = [0; 63]; // less than a USB packet: a full one waits at the host for the next
        loop {
            let n = outbox.read(&mut bytes).await;
            let _ = tx.write_all(&bytes[..n]).await; // no host: as if the line had lost it
        }
    };
    let work = async {
        let mut board = Port { outbox: &outbox, flash, models };
        let mut device = Pipeline::new(
            &config,
            [("vibration", DefaultDetector::new()), ("temperature", DefaultDetector::new())],
        );
        for channel in [VIBRATION, TEMPERATURE] {
            let restored = device.restore(channel, |room| board.load(channel, room)).is_ok();
            log(Event::Start { channel, restored });
        }
        device.hello(&mut board);

        let mut ticker = Ticker::every(PERIOD);
        let mut vibration = Vibration::<{ RATE as u32 }>::new();
        let (mut last, mut ticks, mut seconds) = (Instant::now(), 0, 0);
        let (mut awake, mut g) = (false, None);
        let mut bytes = [0; 64];
        loop {
            match select(ticker.next(), receive(&mut rx, &mut bytes)).await {
                Either::Second(n) => bytes[..n].iter().for_each(|byte| device.receive(*byte, &mut board)),
                Either::First(()) => {
                    // After a gap (flash is slow to erase) a block of samples begins anew.
                    if last.elapsed() > PERIOD * 3 {
                        ticker.reset();
                        vibration.reset();
                    }
                    last = Instant::now();
                    if awake {
                        match with_timeout(ANSWER, accelerometer.read()).await {
                            Ok(Ok(sample)) => g = vibration.learn(sample).or(g),
                            _ => {
                                log(Event::AccelerometerLost);
                                awake = false;
                                vibration.reset();
                            }
                        }
                    }
                    ticks += 1;
                    if ticks < RATE {
                        continue;
                    }
                    (ticks, seconds) = (0, seconds + 1);
                    if !awake {
                        match with_timeout(ANSWER, accelerometer.start()).await {
                            Ok(Ok(())) => awake = true,
                            Ok(Err(Error::NotAnMpu6050(id))) => log(Event::NotAnMpu6050(id)),
                            Ok(Err(Error::Bus(_))) | Err(_) => log(Event::NoAccelerometer),
                        }
                    }
                    let celsius = temperature().await;
                    log(Event::Measured { g, celsius });
                    if let Some(g) = g.take() {
                        device.reading(VIBRATION, None, g, &mut board);
                    }
                    device.reading(TEMPERATURE, None, celsius, &mut board);
                    device.tick(&mut board);
                    if seconds == SAVE_EVERY {
                        seconds = 0;
                        for channel in [VIBRATION, TEMPERATURE] {
                            if !device.save(channel, &mut board) {
                                log(Event::NotSaved(channel));
                            }
                        }
                    }
                }
            }
        }
    };
    match select(work, send).await {
        Either::First(never) | Either::Second(never) => never,
    }
}

/// Bytes from the gateway. While the line is down, waits to be asked again at the next tick.
async fn receive(rx: &mut impl Read, bytes: &mut [u8]) -> usize {
    match rx.read(bytes).await {
        Ok(n) if n > 0 => n,
        _ => pending().await,
    }
}

struct Port<'a, F> {
    outbox: &'a Outbox,
    flash: F,
    models: [Range<u32>; 2],
}

impl<F: NorFlash> Port<'_, F> {
    fn slots(&mut self, channel: usize) -> Slots<&mut F> {
        Slots::new(&mut self.flash, self.models[channel].clone())
    }

    fn load(&mut self, channel: usize, room: &mut [u8]) -> Option<usize> {
        Some(self.slots(channel).load(room).ok()??.len())
    }
}

impl<F: NorFlash> Board for Port<'_, F> {
    fn send(&mut self, bytes: &[u8]) {
        if self.outbox.free_capacity() < bytes.len() {
            return;
        }
        // In two parts where the ring begins anew.
        let mut rest = bytes;
        while let Ok(n @ 1..) = self.outbox.try_write(rest) {
            rest = &rest[n..];
        }
    }

    fn keep(&mut self, channel: usize, model: &[u8]) -> bool {
        !self.models[channel].is_empty() && self.slots(channel).save(model).is_ok()
    }
}
