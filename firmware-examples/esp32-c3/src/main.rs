//! ESP32-C3: the chip's temperature and an accelerometer, over the chip's own USB serial port to the gateway.
#![no_std]
#![no_main]

use core::ops::Range;

use brooklet_core::message::Mode;
use brooklet_firmware::accelerometer::Mpu6050;
use brooklet_firmware::device::Config;
use brooklet_firmware::serve::{Pipeline, serve};
use defmt_rtt as _;
use embassy_executor::Spawner;
use esp_backtrace as _;
use esp_hal::i2c::master::{self, I2c};
use esp_hal::time::Rate;
use esp_hal::timer::timg::TimerGroup;
use esp_hal::tsens::TemperatureSensor;
use esp_hal::usb::usb_serial_jtag::UsbSerialJtag;
use esp_storage::FlashStorage;

/// Who learns: `Raw` and `Features` leave it to the gateway, `Verdicts` sends what this board finds.
const MODE: Mode = Mode::Verdicts;

/// Of 400 KiB.
const BUDGET: usize = 16 * 1024;
const _: () = assert!(size_of::<Pipeline>() <= BUDGET);

/// The partition `nvs` of the default table, 24 KiB that nothing else uses here: three sectors a channel, one a slot.
const MODELS: [Range<u32>; 2] = [0x9000..0xC000, 0xC000..0xF000];

esp_bootloader_esp_idf::esp_app_desc!();

#[esp_rtos::main]
async fn main(_spawner: Spawner) {
    let p = esp_hal::init(esp_hal::Config::default());
    esp_rtos::start(TimerGroup::new(p.TIMG0).timer0, p.FROM_CPU_INTR0);

    let i2c = I2c::new(p.I2C0, master::Config::default().with_frequency(Rate::from_khz(400)));
    let i2c = defmt::unwrap!(i2c.ok()).with_sda(p.GPIO6).with_scl(p.GPIO7).into_async();
    let accelerometer = Mpu6050::new(i2c);

    let thermometer = defmt::unwrap!(TemperatureSensor::new(p.TSENS, Default::default()).ok());
    let temperature = async || thermometer.get_temperature().to_celsius();

    let serial = UsbSerialJtag::new(p.USB_DEVICE).into_async().split();

    let config = Config { name: "esp32-c3", mode: MODE, ..Config::DEFAULT };
    serve(config, accelerometer, temperature, serial, (FlashStorage::new(p.FLASH), MODELS), |event| {
        defmt::info!("{}", event)
    })
    .await
}
