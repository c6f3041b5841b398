//! nRF52840-DK: the chip's temperature and an accelerometer, over the on-board J-Link's serial port to the gateway.
#![no_std]
#![no_main]

use brooklet_firmware::accelerometer::Mpu6050;
use brooklet_firmware::serve::serve;
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_nrf::buffered_uarte::{self, BufferedUarte};
use embassy_nrf::config::{Config, HfclkSource, LfclkSource};
use embassy_nrf::peripherals::{TWISPI0, UARTE0};
use embassy_nrf::temp::{self, Temp};
use embassy_nrf::twim::{self, Twim};
use embassy_nrf::{bind_interrupts, uarte};
use panic_probe as _;

bind_interrupts!(struct Irqs {
    TEMP => temp::InterruptHandler;
    TWISPI0 => twim::InterruptHandler<TWISPI0>;
    UARTE0 => buffered_uarte::InterruptHandler<UARTE0>;
});

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let mut config = Config::default();
    // The crystals: the internal oscillators are too far off for a serial line and for a sampling rate.
    config.hfclk_source = HfclkSource::ExternalXtal;
    config.lfclk_source = LfclkSource::ExternalXtal;
    let p = embassy_nrf::init(config);

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
    let (rx, tx) = serial.split();

    serve(accelerometer, temperature, rx, tx).await
}
