//! ESP32-C3: the chip's temperature and an accelerometer, over the chip's own USB serial port to the gateway.
#![no_std]
#![no_main]

use brooklet_firmware::accelerometer::Mpu6050;
use brooklet_firmware::serve::serve;
use defmt_rtt as _;
use embassy_executor::Spawner;
use esp_backtrace as _;
use esp_hal::i2c::master::{Config, I2c};
use esp_hal::time::Rate;
use esp_hal::timer::timg::TimerGroup;
use esp_hal::tsens::TemperatureSensor;
use esp_hal::usb::usb_serial_jtag::UsbSerialJtag;

esp_bootloader_esp_idf::esp_app_desc!();

#[esp_rtos::main]
async fn main(_spawner: Spawner) {
    let p = esp_hal::init(esp_hal::Config::default());
    esp_rtos::start(TimerGroup::new(p.TIMG0).timer0, p.FROM_CPU_INTR0);

    let i2c = I2c::new(p.I2C0, Config::default().with_frequency(Rate::from_khz(400)));
    let i2c = defmt::unwrap!(i2c.ok()).with_sda(p.GPIO6).with_scl(p.GPIO7).into_async();
    let accelerometer = Mpu6050::new(i2c);

    let thermometer = defmt::unwrap!(TemperatureSensor::new(p.TSENS, Default::default()).ok());
    let temperature = async || thermometer.get_temperature().to_celsius();

    let (rx, tx) = UsbSerialJtag::new(p.USB_DEVICE).into_async().split();

    serve(accelerometer, temperature, rx, tx).await
}
