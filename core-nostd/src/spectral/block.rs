use serde::{Deserialize, Serialize};

/// Counts the samples of blocks of `LEN` and keeps the figure of the last whole block.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Block<const LEN: u16> {
    seen: u16,
    pub(super) figure: Option<f32>,
}

impl<const LEN: u16> Block<LEN> {
    const SHAPE: () = assert!(LEN > 1);

    pub(super) const fn new() -> Self {
        let () = Self::SHAPE;
        Self { seen: 0, figure: None }
    }

    /// Counts a sample; true if it was the last of its block.
    pub(super) const fn count(&mut self) -> bool {
        self.seen = self.seen.saturating_add(1);
        let ends = self.seen >= LEN;
        if ends {
            self.seen = 0;
        }
        ends
    }

    pub(super) fn is_valid(&self, most: f32) -> bool {
        self.seen < LEN && self.figure.is_none_or(|figure| (0.0..=most).contains(&figure))
    }
}
