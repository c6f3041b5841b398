//! The loop of every board that runs embassy: sample, judge, send; meanwhile take what the gateway says.

use core::future::pending;

use defmt::{info, warn};
use embassy_futures::select::{Either, select};
use embassy_sync::blocking_mutex::raw::NoopRawMutex;
use embassy_sync::pipe::Pipe;
use embassy_time::{Duration, Instant, Ticker, with_timeout};
use embedded_hal_async::i2c::I2c;
use embedded_io_async::{Read, Write};

use crate::accelerometer::{Mpu6050, RATE};
use crate::vibration::Vibration;

/// Runs for ever.
pub async fn serve<I: I2c>(
    mut accelerometer: Mpu6050<I>,
    mut temperature: impl AsyncFnMut() -> f32,
    mut rx: impl Read,
    mut tx: impl Write,
) -> ! {
    // Sampling never waits for the line: frames that find no room are dropped whole, and the gateway counts them.
    let outbox = Pipe::<NoopRawMutex, 1024>::new();
    let send = async {
        let mut bytes = [0; 64];
        loop {
            let n = outbox.read(&mut bytes).await;
            let _ = tx.write_all(&bytes[..n]).await;
        }
    };
    let work = async {
        let mut ticker = Ticker::every(Duration::from_hz(u64::from(RATE)));
        let mut vibration = Vibration::<{ RATE as u32 }>::new();
        let mut awake = false;
        let mut tick = 0;
        let mut bytes = [0; 64];
        loop {
            match select(ticker.next(), receive(&mut rx, &mut bytes)).await {
                Either::First(()) => {
                    if awake {
                        match with_timeout(Duration::from_millis(20), accelerometer.read()).await {
                            Ok(Ok(sample)) => {
                                if let Some(rms) = vibration.learn(sample) {
                                    let _ = outbox.try_write(&rms.to_le_bytes());
                                }
                            }
                            _ => {
                                warn!("accelerometer: lost");
                                awake = false;
                                vibration.reset();
                            }
                        }
                    }
                    tick += 1;
                    if tick == RATE {
                        tick = 0;
                        if !awake {
                            awake = matches!(
                                with_timeout(Duration::from_millis(20), accelerometer.start()).await,
                                Ok(Ok(()))
                            );
                        }
                        let celsius = temperature().await;
                        let _ = outbox.try_write(&celsius.to_le_bytes());
                        info!("{}: {} °C", Instant::now().as_millis(), celsius);
                    }
                }
                Either::Second(n) => info!("{}", &bytes[..n]),
            }
        }
    };
    match select(work, send).await {
        Either::First(never) | Either::Second(never) => never,
    }
}

/// Bytes from the gateway; while the line is down, waits to be asked again at the next tick.
async fn receive(rx: &mut impl Read, bytes: &mut [u8]) -> usize {
    match rx.read(bytes).await {
        Ok(n) if n > 0 => n,
        _ => pending().await,
    }
}
