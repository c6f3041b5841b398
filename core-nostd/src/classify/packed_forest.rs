//! Forests trained elsewhere, read from flash as they lie there.

use core::fmt;

use crc::{CRC_32_ISO_HDLC, Crc, NoTable};

use crate::math;
use crate::sample::Sample;

const MAGIC: [u8; 4] = *b"BKPF";
/// The format read.
/// ```
/// use brooklet_core::classify::packed_forest::{FORMAT, PackedForest, PackedForestError};
/// let mut bytes = [0; 24];
/// bytes[..4].copy_from_slice(b"BKPF");
/// bytes[4] = FORMAT + 1;
/// let unknown = PackedForestError::UnknownFormat(FORMAT + 1);
/// assert_eq!(PackedForest::<2, 2>::new(&bytes).unwrap_err(), unknown);
/// ```
pub const FORMAT: u8 = 1;
const HEADER: usize = 20;
const LEAF: u16 = u16::MAX;
const CRC: Crc<u32, NoTable> = Crc::<u32, NoTable>::new(&CRC_32_ISO_HDLC);

/// What the trees' leaves mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Leaves {
    /// The number of a row of shares; the mean over the trees is told.
    Shares,
    /// A number to add to the tree's output.
    Sum,
    /// The same; of one output comes a chance by the logistic function, for classes 0 and 1.
    Logistic,
    /// The same; the outputs become chances by softmax.
    Softmax,
}

/// Why bytes are not a forest.
/// ```
/// use brooklet_core::classify::packed_forest::PackedForestError;
/// assert_eq!(PackedForestError::WrongFeatures(4).to_string(), "the packed forest wants 4 features");
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum PackedForestError {
    /// Shorter than it says.
    Truncated,
    /// Does not begin with `BKPF`.
    NotAForest,
    /// In a format, or with leaves, that this version does not know.
    UnknownFormat(u8),
    /// Trained on another number of features.
    WrongFeatures(u16),
    /// Has another number of outputs.
    WrongOutputs(u8),
    /// The checksum does not hold.
    Damaged,
    /// The checksum holds, but a node points out of its tree or a number is not finite or beyond ±1e30.
    Invalid,
}

impl fmt::Display for PackedForestError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Truncated => f.write_str("the packed forest is cut short"),
            Self::NotAForest => f.write_str("not a packed forest"),
            Self::UnknownFormat(format) => {
                write!(f, "packed forest format {format} is unknown to this version")
            }
            Self::WrongFeatures(features) => write!(f, "the packed forest wants {features} features"),
            Self::WrongOutputs(outputs) => write!(f, "the packed forest has {outputs} outputs"),
            Self::Damaged => f.write_str("the packed forest is damaged: its checksum does not hold"),
            Self::Invalid => f.write_str("the packed forest's trees are not possible ones"),
        }
    }
}

impl core::error::Error for PackedForestError {}

/// A forest of decision trees trained elsewhere, as bytes that may lie in flash.
///
/// ```text
/// offset  0      4       5       6         8        9  10     12     16    20     ..     ..     ..     ..
///         BKPF   format  leaves  features  outputs  0  trees  nodes  rows  trees  bases  nodes  rows   CRC-32
/// ```
/// All little endian. A tree is the number of its first node (u32) and its output (u32); a base is an f32 an output; a
/// row of shares is an f32 an output. A node is a threshold (f32), a feature (u16) and how many nodes on its right child
/// lies (u16); its left child is the next one, where a value up to the threshold goes. A leaf has feature 65535, and
/// instead of the threshold a number or the number of a row. `leaves`: 0 mean of rows, 1 sums, 2 logistic function of
/// one sum, 3 softmax of sums.
///
/// Learns nothing: for a model that was trained on a labelled history where there is room for it. The exporter for
/// scikit-learn's random forests, extra trees and gradient boosting is `tests/golden/make/packed.py` in the repository.
///
/// Checked once, by checksum and node by node, in O(size); a walk cannot panic or go in circles. Memory: 8 bytes a node,
/// 72 for this value (40 on a 32-bit processor). Cost: a comparison a level of each tree. `C`: shares or numbers told, 1 to 255; logistic ones 2.
/// ```
/// use brooklet_core::classify::packed_forest::{PackedForest, PackedForestError};
/// assert_eq!(PackedForest::<2, 2>::new(b"JSON").unwrap_err(), PackedForestError::Truncated);
/// ```
/// Source: Breiman: Random forests, 2001, doi:10.1023/A:1010933404324; Friedman: Greedy function approximation, 2001,
/// doi:10.1214/aos/1013203451. Checked against scikit-learn: the same classes, shares to 1e-6.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct PackedForest<'a, const N: usize, const C: usize> {
    leaves: Leaves,
    trees: &'a [[u8; 8]],
    bases: &'a [[u8; 4]],
    nodes: &'a [[u8; 8]],
    rows: &'a [[u8; 4]],
}

/// One node, taken apart.
struct Node {
    payload: [u8; 4],
    feature: u16,
    skip: u16,
}

impl Node {
    const fn new(bytes: [u8; 8]) -> Self {
        let [p0, p1, p2, p3, f0, f1, s0, s1] = bytes;
        Self {
            payload: [p0, p1, p2, p3],
            feature: u16::from_le_bytes([f0, f1]),
            skip: u16::from_le_bytes([s0, s1]),
        }
    }
}

/// Sums of 65,535 trees stay finite; NaN is not.
fn is_summable(number: f32) -> bool {
    (-1e30..=1e30).contains(&number)
}

/// First node and output of a tree.
fn tree_of(bytes: [u8; 8]) -> (usize, usize) {
    let [f0, f1, f2, f3, o0, o1, o2, o3] = bytes;
    (u32::from_le_bytes([f0, f1, f2, f3]) as usize, u32::from_le_bytes([o0, o1, o2, o3]) as usize)
}

/// Takes `count` pieces of `SIZE` bytes off the front.
fn take<'a, const SIZE: usize>(bytes: &mut &'a [u8], count: usize) -> Option<&'a [[u8; SIZE]]> {
    let (taken, rest) = bytes.split_at_checked(count.checked_mul(SIZE)?)?;
    *bytes = rest;
    Some(taken.as_chunks().0)
}

impl<'a, const N: usize, const C: usize> PackedForest<'a, N, C> {
    /// Checks bytes and reads them as a forest; what follows it is ignored.
    ///
    /// # Errors
    /// Why they are not a forest of `N` features and `C` outputs.
    pub fn new(bytes: &'a [u8]) -> Result<Self, PackedForestError> {
        let (header, mut rest) = bytes.split_first_chunk::<HEADER>().ok_or(PackedForestError::Truncated)?;
        let [m0, m1, m2, m3, format, leaves, f0, f1, outputs, _, t0, t1, n0, n1, n2, n3, r0, r1, r2, r3] =
            *header;
        if [m0, m1, m2, m3] != MAGIC {
            return Err(PackedForestError::NotAForest);
        }
        if format != FORMAT {
            return Err(PackedForestError::UnknownFormat(format));
        }
        let leaves = match leaves {
            0 => Leaves::Shares,
            1 => Leaves::Sum,
            2 => Leaves::Logistic,
            3 => Leaves::Softmax,
            other => return Err(PackedForestError::UnknownFormat(other)),
        };
        let features = u16::from_le_bytes([f0, f1]);
        if usize::from(features) != N {
            return Err(PackedForestError::WrongFeatures(features));
        }
        let told = if leaves == Leaves::Logistic && outputs == 1 { 2 } else { outputs };
        if usize::from(told) != C || (leaves == Leaves::Logistic && outputs != 1) {
            return Err(PackedForestError::WrongOutputs(outputs));
        }
        let outputs = usize::from(outputs);
        let rows = (u32::from_le_bytes([r0, r1, r2, r3]) as usize).saturating_mul(outputs);
        let truncated = PackedForestError::Truncated;
        let forest = Self {
            leaves,
            trees: take(&mut rest, usize::from(u16::from_le_bytes([t0, t1]))).ok_or(truncated)?,
            bases: take(&mut rest, outputs).ok_or(truncated)?,
            nodes: take(&mut rest, u32::from_le_bytes([n0, n1, n2, n3]) as usize).ok_or(truncated)?,
            rows: take(&mut rest, rows).ok_or(truncated)?,
        };
        let (checksum, rest) = rest.split_first_chunk::<4>().ok_or(truncated)?;
        let body = bytes.len().saturating_sub(rest.len()).saturating_sub(4);
        if CRC.checksum(bytes.get(..body).ok_or(truncated)?) != u32::from_le_bytes(*checksum) {
            return Err(PackedForestError::Damaged);
        }
        forest.is_possible(outputs).then_some(forest).ok_or(PackedForestError::Invalid)
    }

    fn is_possible(&self, outputs: usize) -> bool {
        let finite = |bytes: &[u8; 4]| is_summable(f32::from_le_bytes(*bytes));
        let ends = self.trees.iter().skip(1).map(|tree| tree_of(*tree).0).chain([self.nodes.len()]);
        !self.trees.is_empty()
            && self.bases.iter().chain(self.rows).all(finite)
            && self.trees.iter().zip(ends).all(|(tree, end)| {
                let (first, output) = tree_of(*tree);
                let nodes = self.nodes.get(first..end).unwrap_or(&[]);
                let after = (1..=nodes.len()).rev();
                !nodes.is_empty()
                    && output < outputs
                    && nodes.iter().zip(after).all(|(node, after)| self.is_possible_node(*node, after))
            })
    }

    /// `after`: how many nodes of its tree there are from this one on.
    fn is_possible_node(&self, node: [u8; 8], after: usize) -> bool {
        let node = Node::new(node);
        if node.feature != LEAF {
            usize::from(node.feature) < N
                && node.skip > 0
                && usize::from(node.skip) < after
                && f32::from_le_bytes(node.payload).is_finite()
        } else if self.leaves == Leaves::Shares {
            let end = (u32::from_le_bytes(node.payload) as usize)
                .saturating_add(1)
                .saturating_mul(self.bases.len());
            end <= self.rows.len()
        } else {
            is_summable(f32::from_le_bytes(node.payload))
        }
    }

    /// What the leaf of a tree says: four bytes of a number, or of the number of a row.
    fn leaf(&self, first: usize, x: &[f32; N]) -> [u8; 4] {
        let mut at = first;
        while let Some(bytes) = self.nodes.get(at) {
            let node = Node::new(*bytes);
            let Some(value) = x.get(usize::from(node.feature)) else { return node.payload };
            let right = *value > f32::from_le_bytes(node.payload);
            at = at.saturating_add(if right { usize::from(node.skip) } else { 1 });
        }
        [0; 4]
    }

    /// The shares of the classes, or the sums.
    #[must_use]
    pub fn predict_one(&self, x: &Sample<N>) -> [f32; C] {
        let mut told = [0.0; C];
        for (told, base) in told.iter_mut().zip(self.bases) {
            *told = f32::from_le_bytes(*base);
        }
        for tree in self.trees {
            let (first, output) = tree_of(*tree);
            let leaf = self.leaf(first, x.values());
            if self.leaves == Leaves::Shares {
                let row = (u32::from_le_bytes(leaf) as usize).saturating_mul(C);
                for (told, share) in told.iter_mut().zip(self.rows.iter().skip(row)) {
                    *told += f32::from_le_bytes(*share);
                }
            } else if let Some(told) = told.get_mut(output) {
                *told += f32::from_le_bytes(leaf);
            }
        }
        match self.leaves {
            Leaves::Sum => {}
            Leaves::Shares => {
                let scale = 1.0 / self.trees.len() as f32;
                told.iter_mut().for_each(|share| *share *= scale);
            }
            Leaves::Logistic => {
                let sum = told.first().copied().unwrap_or(0.0);
                // Both from the sum: one minus the other would lose the digits of a small chance.
                let chances = [math::sigmoid(-sum), math::sigmoid(sum)];
                told.iter_mut().zip(chances).for_each(|(told, chance)| *told = chance);
            }
            Leaves::Softmax => {
                let most = told.iter().fold(f32::MIN, |most, sum| math::max(most, *sum));
                told.iter_mut().for_each(|sum| *sum = math::exp(*sum - most));
                let scale = 1.0 / told.iter().sum::<f32>();
                told.iter_mut().for_each(|share| *share *= scale);
            }
        }
        told
    }

    /// The likeliest class; of equal ones the first. Means nothing where sums are told.
    #[must_use]
    pub fn class_one(&self, x: &Sample<N>) -> Option<u8> {
        crate::traits::likeliest(&self.predict_one(x))
    }
}
