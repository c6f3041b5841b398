//! Raspberry Pi Pico: the chip's temperature and an accelerometer, over USB to the gateway.
#![no_std]
#![no_main]

use brooklet_core::message::Mode;
use brooklet_firmware::accelerometer::Mpu6050;
use brooklet_firmware::device::Config;
use brooklet_firmware::serve::{Pipeline, serve};
use defmt_rtt as _;
use embassy_executor::Spawner;
use embassy_futures::join::join;
use embassy_rp::adc::{self, Adc};
use embassy_rp::flash::{Blocking, Flash};
use embassy_rp::i2c::{self, I2c};
use embassy_rp::peripherals::{I2C0, USB};
use embassy_rp::{bind_interrupts, usb};
use embassy_usb::class::cdc_acm::{CdcAcmClass, State};
use panic_probe as _;

/// Who learns: `Raw` and `Features` leave it to the gateway, `Verdicts` sends what this board finds.
const MODE: Mode = Mode::Verdicts;

/// Of 264 KiB.
const BUDGET: usize = 16 * 1024;
const _: () = assert!(size_of::<Pipeline>() <= BUDGET);

/// The last 32 KiB, which memory.x leaves free: four sectors a channel, two a slot.
const FLASH: usize = 2 * 1024 * 1024;
const MODELS: u32 = FLASH as u32 - 32 * 1024;

bind_interrupts!(struct Irqs {
    I2C0_IRQ => i2c::InterruptHandler<I2C0>;
    USBCTRL_IRQ => usb::InterruptHandler<USB>;
});

#[embassy_executor::main]
async fn main(_spawner: Spawner) {
    let p = embassy_rp::init(Default::default());

    let mut i2c_config = i2c::Config::default();
    i2c_config.frequency = 400_000;
    let accelerometer = Mpu6050::new(I2c::new_async(p.I2C0, p.PIN_5, p.PIN_4, Irqs, i2c_config));

    let mut adc = Adc::new_blocking(p.ADC, adc::Config::default());
    let mut diode = adc::Channel::new_temp_sensor(p.ADC_TEMP_SENSOR);
    let temperature = async || {
        // One step of the converter is half a degree: the mean of many, told apart by their noise, is finer.
        let sum: u32 = (0..64).map(|_| u32::from(adc.blocking_read(&mut diode).unwrap_or_default())).sum();
        let volt = sum as f32 / 64.0 * 3.3 / 4096.0;
        27.0 - (volt - 0.706) / 0.001_721
    };

    // A USB serial port, /dev/ttyACM0 on the gateway. 1209:0001 is pid.codes' number for tests.
    let mut usb_config = embassy_usb::Config::new(0x1209, 0x0001);
    usb_config.manufacturer = Some("Brooklet");
    usb_config.product = Some("Raspberry Pi Pico");
    let (mut descriptors, mut bos, mut control, mut packet) = ([0; 128], [0; 32], [0; 64], [0; 64]);
    let mut state = State::new();
    let driver = usb::Driver::new(p.USB, Irqs);
    let mut usb =
        embassy_usb::Builder::new(driver, usb_config, &mut descriptors, &mut bos, &mut [], &mut control);
    let (tx, rx) = CdcAcmClass::new(&mut usb, &mut state, 64).split();
    let rx = rx.into_buffered(&mut packet);

    let flash = Flash::<_, Blocking, FLASH>::new_blocking(p.FLASH);
    let models = [MODELS..MODELS + 0x4000, MODELS + 0x4000..MODELS + 0x8000];

    let config = Config { name: "pico", mode: MODE, ..Config::DEFAULT };
    join(
        usb.build().run(),
        serve(config, accelerometer, temperature, (rx, tx), (flash, models), |event| {
            defmt::info!("{}", event)
        }),
    )
    .await;
}
