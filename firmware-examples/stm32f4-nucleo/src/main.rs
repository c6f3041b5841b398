//! Nucleo-F446RE: the chip's temperature and an accelerometer, over the on-board ST-Link's serial port to the gateway.
#![no_std]
#![no_main]

use core::ops::Range;

use brooklet_core::message::Mode;
use brooklet_firmware::accelerometer::Mpu6050;
use brooklet_firmware::device::Config;
use brooklet_firmware::serve::{Pipeline, serve};
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_stm32::adc::{Adc, SampleTime};
use embassy_stm32::flash::Flash;
use embassy_stm32::i2c::{self, I2c};
use embassy_stm32::peripherals::{DMA1_CH0, DMA1_CH6, I2C1, USART2};
use embassy_stm32::time::Hertz;
use embassy_stm32::usart::{self, BufferedUart};
use embassy_stm32::{bind_interrupts, dma};
use panic_probe as _;

/// Who learns: `Raw` and `Features` leave it to the gateway, `Verdicts` sends what this board finds.
const MODE: Mode = Mode::Verdicts;

/// Of 128 KiB.
const BUDGET: usize = 16 * 1024;
const _: () = assert!(size_of::<Pipeline>() <= BUDGET);

/// The last two sectors of 128 KiB, which memory.x leaves free: a slot each, and so a place for the model of vibration only.
const MODELS: [Range<u32>; 2] = [256 * 1024..512 * 1024, 0..0];

bind_interrupts!(struct Irqs {
    DMA1_STREAM0 => dma::InterruptHandler<DMA1_CH0>;
    DMA1_STREAM6 => dma::InterruptHandler<DMA1_CH6>;
    I2C1_ER => i2c::ErrorInterruptHandler<I2C1>;
    I2C1_EV => i2c::EventInterruptHandler<I2C1>;
    USART2 => usart::BufferedInterruptHandler<USART2>;
});

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let p = embassy_stm32::init(Default::default());

    let mut i2c_config = i2c::Config::default();
    i2c_config.frequency = Hertz::khz(400);
    let accelerometer =
        Mpu6050::new(I2c::new(p.I2C1, p.PB8, p.PB9, p.DMA1_CH6, p.DMA1_CH0, Irqs, i2c_config));

    let mut adc = Adc::new(p.ADC1);
    let mut diode = adc.enable_temperature();
    let temperature = async || {
        let sum: u32 = (0..64).map(|_| u32::from(adc.blocking_read(&mut diode, SampleTime::CYCLES480))).sum();
        let volt = sum as f32 / 64.0 * 3.3 / 4096.0;
        25.0 + (volt - 0.76) / 0.002_5
    };

    let (mut rx_buffer, mut tx_buffer) = ([0; 256], [0; 256]);
    let serial = BufferedUart::new(
        p.USART2,
        p.PA3,
        p.PA2,
        &mut tx_buffer,
        &mut rx_buffer,
        Irqs,
        usart::Config::default(),
    );
    let (tx, rx) = defmt::unwrap!(serial.ok()).split();

    let flash = Flash::new_blocking(p.FLASH);
    let config = Config { name: "nucleo", mode: MODE, ..Config::DEFAULT };
    serve(config, accelerometer, temperature, (rx, tx), (flash, MODELS), |event| defmt::info!("{}", event))
        .await
}
