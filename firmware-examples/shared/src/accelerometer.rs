//! The MPU-6050 accelerometer over I2C, as far as vibration needs it.

use embedded_hal_async::i2c::I2c;

/// Readings a second that the sensor is set to; its filter passes less than half of it (94 Hz).
pub const RATE: u16 = 200;

const ADDRESS: u8 = 0x68; // pin AD0 low or open
const COUNTS_PER_G: f32 = 8_192.0; // at ±4 g

// Registers, by the names of the register map.
const SMPLRT_DIV: u8 = 0x19;
const ACCEL_XOUT_H: u8 = 0x3B;
const PWR_MGMT_1: u8 = 0x6B;
const WHO_AM_I: u8 = 0x75;

/// Why the sensor gave nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Error<E> {
    /// The bus failed: look at the wiring.
    Bus(E),
    /// Another chip answers at the address; this is what it calls itself.
    NotAnMpu6050(u8),
}

/// An MPU-6050 at its usual address.
pub struct Mpu6050<I> {
    i2c: I,
}

impl<I: I2c> Mpu6050<I> {
    /// A sensor that still sleeps.
    pub const fn new(i2c: I) -> Self {
        Self { i2c }
    }

    /// Wakes the sensor: [`RATE`] readings a second of ±4 g, filtered at 94 Hz. May be called again at any time.
    ///
    /// # Errors
    /// If nothing answers, or not an MPU-6050.
    pub async fn start(&mut self) -> Result<(), Error<I::Error>> {
        let mut name = [0];
        self.i2c.write_read(ADDRESS, &[WHO_AM_I], &mut name).await.map_err(Error::Bus)?;
        if name != [0x68] {
            return Err(Error::NotAnMpu6050(name[0]));
        }
        // Awake, clocked by the gyroscope, which is steadier than the internal oscillator.
        self.i2c.write(ADDRESS, &[PWR_MGMT_1, 1]).await.map_err(Error::Bus)?;
        // From SMPLRT_DIV on: 1 kHz / (4 + 1); filter 2; gyroscope as it is; ±4 g.
        self.i2c.write(ADDRESS, &[SMPLRT_DIV, 4, 2, 0, 1 << 3]).await.map_err(Error::Bus)
    }

    /// Acceleration along x, y and z in g, gravity included.
    ///
    /// # Errors
    /// If the bus fails.
    pub async fn read(&mut self) -> Result<[f32; 3], Error<I::Error>> {
        let mut bytes = [0; 6];
        self.i2c.write_read(ADDRESS, &[ACCEL_XOUT_H], &mut bytes).await.map_err(Error::Bus)?;
        let [x0, x1, y0, y1, z0, z1] = bytes;
        Ok([[x0, x1], [y0, y1], [z0, z1]].map(|axis| f32::from(i16::from_be_bytes(axis)) / COUNTS_PER_G))
    }
}

#[cfg(test)]
mod tests {
    use embassy_futures::block_on;
    use embedded_hal_async::i2c::{ErrorKind, ErrorType, NoAcknowledgeSource, Operation};

    use super::*;

    /// A chip with registers: a write sets the address, then the registers from there on.
    struct Chip {
        registers: [u8; 128],
        at: usize,
    }

    impl Chip {
        fn new() -> Self {
            let mut registers = [0; 128];
            registers[usize::from(WHO_AM_I)] = 0x68;
            registers[usize::from(PWR_MGMT_1)] = 0x40; // asleep, as after power on
            Self { registers, at: 0 }
        }
    }

    impl ErrorType for Chip {
        type Error = ErrorKind;
    }

    impl I2c for Chip {
        async fn transaction(
            &mut self,
            address: u8,
            operations: &mut [Operation<'_>],
        ) -> Result<(), ErrorKind> {
            if address != ADDRESS {
                return Err(ErrorKind::NoAcknowledge(NoAcknowledgeSource::Address));
            }
            for operation in operations {
                match operation {
                    Operation::Write([at, data @ ..]) => {
                        self.at = usize::from(*at);
                        self.registers[self.at..][..data.len()].copy_from_slice(data);
                    }
                    Operation::Write([]) => {}
                    Operation::Read(into) => into.copy_from_slice(&self.registers[self.at..][..into.len()]),
                }
            }
            Ok(())
        }
    }

    #[test]
    fn it_wakes_and_is_set() {
        let mut sensor = Mpu6050::new(Chip::new());
        assert_eq!(block_on(sensor.start()), Ok(()));
        let registers = sensor.i2c.registers;
        assert_eq!(registers[usize::from(PWR_MGMT_1)], 1);
        assert_eq!(registers[0x19..=0x1C], [4, 2, 0, 0b0000_1000]); // SMPLRT_DIV, CONFIG, GYRO_CONFIG, ACCEL_CONFIG
        assert_eq!(1_000 / (u16::from(registers[0x19]) + 1), RATE);
    }

    #[test]
    fn counts_become_g() {
        let mut chip = Chip::new();
        chip.registers[usize::from(ACCEL_XOUT_H)..][..6]
            .copy_from_slice(&[0x20, 0x00, 0xE0, 0x00, 0x80, 0x00]);
        assert_eq!(block_on(Mpu6050::new(chip).read()), Ok([1.0, -1.0, -4.0]));
    }

    #[test]
    fn another_chip_is_told_by_its_name() {
        let mut chip = Chip::new();
        chip.registers[usize::from(WHO_AM_I)] = 0x70; // an MPU-6500
        assert_eq!(block_on(Mpu6050::new(chip).start()), Err(Error::NotAnMpu6050(0x70)));
    }
}
