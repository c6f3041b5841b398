use crate::sample::Timed;

/// One row of a device: what each of up to `N` channels measured at a time; channels may be missing.
///
/// `N`: 1 to 64. Memory: `4 N + 24` bytes.
/// ```
/// use brooklet_core::anomaly::Row;
/// let mut row = Row::<4>::new(None);
/// assert!(row.set(0, 21.5) && !row.set(1, f32::NAN) && !row.set(4, 1.0));
/// assert_eq!((row.get(0), row.get(1), row.len()), (Some(21.5), None, 1));
/// ```
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Row<const N: usize> {
    values: [f32; N],
    present: u64,
    time: Option<i64>,
}

impl<const N: usize> Row<N> {
    const SHAPE: () = assert!(N > 0 && N <= 64);

    /// A row in which every channel is missing. `time` in milliseconds since 1970-01-01, if known.
    #[must_use]
    pub const fn new(time: Option<i64>) -> Self {
        let () = Self::SHAPE;
        Self { values: [0.0; N], present: 0, time }
    }

    /// Puts in what a channel measured, in place of what it had before; false, and not taken, if the value is not
    /// finite or there is no such channel.
    pub fn set(&mut self, channel: usize, value: f32) -> bool {
        match self.values.get_mut(channel) {
            Some(slot) if value.is_finite() => {
                *slot = value;
                self.present |= 1 << (channel & 63);
                true
            }
            _ => false,
        }
    }

    /// What a channel measured; `None` if it is missing.
    #[must_use]
    pub fn get(&self, channel: usize) -> Option<f32> {
        let value = self.values.get(channel).copied()?;
        (self.present >> (channel & 63) & 1 == 1).then_some(value)
    }

    /// How many channels are there.
    #[must_use]
    pub const fn len(&self) -> u32 {
        self.present.count_ones()
    }

    /// True if every channel is missing.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.present == 0
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = Option<f32>> {
        let present = (0..64).map(|i| self.present >> i & 1 == 1);
        self.values.iter().zip(present).map(|(value, present)| present.then_some(*value))
    }
}

impl<const N: usize> Timed for Row<N> {
    fn time(&self) -> Option<i64> {
        self.time
    }
}
