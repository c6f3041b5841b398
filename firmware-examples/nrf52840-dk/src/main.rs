//! nRF52840-DK: the chip's temperature and an accelerometer, over the on-board J-Link's serial port to the gateway.
#![no_std]
#![no_main]

use brooklet_core::message::Mode;
use brooklet_firmware::accelerometer::Mpu6050;
use brooklet_firmware::device::Config;
use brooklet_firmware::serve::{Pipeline, serve};
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_nrf::buffered_uarte::{self, BufferedUarte};
use embassy_nrf::config::{HfclkSource, LfclkSource};
use embassy_nrf::nvmc::Nvmc;
use embassy_nrf::peripherals::{TWISPI0, UARTE0};
use embassy_nrf::temp::{self, Temp};
use embassy_nrf::twim::{self, Twim};
use embassy_nrf::{bind_interrupts, uarte};
use panic_probe as _;

/// Who learns: `Raw` and `Features` leave it to the gateway, `Verdicts` sends what this board finds.
const MODE: Mode = Mode::Verdicts;

/// Of 256 KiB.
const BUDGET: usize = 16 * 1024;
const _: () = assert!(size_of::<Pipeline>() <= BUDGET);

/// The last 32 KiB of flash, which memory.x leaves free: four pages a channel, two a slot.
const MODELS: u32 = 1024 * 1024 - 32 * 1024;

bind_interrupts!(struct Irqs {
    TEMP => temp::InterruptHandler;
    TWISPI0 => twim::InterruptHandler<TWISPI0>;
    UARTE0 => buffered_uarte::InterruptHandler<UARTE0>;
});

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let mut clocks = embassy_nrf::config::Config::default();
    // The crystals: the internal oscillators are too far off for a serial line and for a sampling rate.
    clocks.hfclk_source = HfclkSource::ExternalXtal;
    clocks.lfclk_source = LfclkSource::ExternalXtal;
    let p = embassy_nrf::init(clocks);

    let mut i2c_config = twim::Config::default();
    i2c_config.frequency = twim::Frequency::K400;
    let mut i2c_buffer = [0; 16];
    let accelerometer =
        Mpu6050::new(Twim::new(p.TWISPI0, Irqs, p.P0_26, p.P0_27, i2c_config, &mut i2c_buffer));

    let mut thermometer = Temp::new(p.TEMP, Irqs);
    let temperature = async || thermometer.read().await.to_num();

    let (mut rx_buffer, mut tx_buffer) = ([0; 256], [0; 256]);
    let serial = BufferedUarte::new(
        p.UARTE0,
        p.TIMER0,
        p.PPI_CH0,
        p.PPI_CH1,
        p.PPI_GROUP0,
        p.P0_08,
        p.P0_06,
        Irqs,
        uarte::Config::default(), // 115200 baud, 8N1
        &mut rx_buffer,
        &mut tx_buffer,
    );
    let models = [MODELS..MODELS + 0x4000, MODELS + 0x4000..MODELS + 0x8000];

    let config = Config { name: "nrf52840", mode: MODE, ..Config::DEFAULT };
    serve(config, accelerometer, temperature, serial.split(), (Nvmc::new(p.NVMC), models), |event| {
        defmt::info!("{}", event)
    })
    .await
}
