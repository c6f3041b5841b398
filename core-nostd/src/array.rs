//! serde for `[T; N]` of any length, which serde itself has up to 32 only: `#[serde(with = "crate::array")]`.
//! Stored as a tuple: no length on the wire, because the type knows it.

use core::fmt;
use core::marker::PhantomData;

use serde::de::{Error, SeqAccess, Visitor};
use serde::ser::SerializeTuple;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// Writes the elements in order.
/// ```
/// #[derive(serde::Serialize)]
/// struct Long(#[serde(with = "brooklet_core::array")] [u8; 40]);
/// let mut bytes = [0; 64];
/// assert_eq!(postcard::to_slice(&Long([7; 40]), &mut bytes).unwrap(), [7; 40]);
/// ```
///
/// # Errors
/// Whatever the serializer reports.
pub fn serialize<S: Serializer, T: Serialize, const N: usize>(
    array: &[T; N],
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut tuple = serializer.serialize_tuple(N)?;
    for element in array {
        tuple.serialize_element(element)?;
    }
    tuple.end()
}

/// Reads exactly `N` elements.
/// ```
/// #[derive(Debug, serde::Deserialize)]
/// struct Long(#[serde(with = "brooklet_core::array")] [u8; 40]);
/// assert_eq!(postcard::from_bytes::<Long>(&[7; 40]).unwrap().0, [7; 40]);
/// assert!(postcard::from_bytes::<Long>(&[7; 39]).is_err());
/// ```
///
/// # Errors
/// Fewer than `N` elements, or whatever the deserializer reports.
pub fn deserialize<'de, D, T, const N: usize>(deserializer: D) -> Result<[T; N], D::Error>
where
    D: Deserializer<'de>,
    T: Deserialize<'de> + Clone + Default,
{
    struct Elements<T, const N: usize>(PhantomData<T>);

    impl<'de, T: Deserialize<'de> + Clone + Default, const N: usize> Visitor<'de> for Elements<T, N> {
        type Value = [T; N];

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write!(f, "an array of {N} elements")
        }

        fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<[T; N], A::Error> {
            let mut array = core::array::from_fn(|_| T::default());
            for (i, slot) in array.iter_mut().enumerate() {
                *slot = seq.next_element()?.ok_or_else(|| A::Error::invalid_length(i, &self))?;
            }
            Ok(array)
        }
    }

    deserializer.deserialize_tuple(N, Elements(PhantomData))
}

/// The same for `[[T; M]; N]`: `#[serde(with = "crate::array::nested")]`.
pub mod nested {
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Clone, Copy, Serialize, Deserialize)]
    #[serde(bound(serialize = "T: Serialize", deserialize = "T: Deserialize<'de> + Copy + Default"))]
    struct Row<T: Copy + Default, const M: usize>(#[serde(with = "crate::array")] [T; M]);

    impl<T: Copy + Default, const M: usize> Default for Row<T, M> {
        fn default() -> Self {
            Self([T::default(); M])
        }
    }

    /// Writes the rows in order.
    /// ```
    /// #[derive(serde::Serialize)]
    /// struct Matrix(#[serde(with = "brooklet_core::array::nested")] [[u8; 2]; 40]);
    /// let mut bytes = [0; 128];
    /// assert_eq!(postcard::to_slice(&Matrix([[1, 2]; 40]), &mut bytes).unwrap()[..4], [1, 2, 1, 2]);
    /// ```
    ///
    /// # Errors
    /// Whatever the serializer reports.
    pub fn serialize<S: Serializer, T: Serialize + Copy + Default, const M: usize, const N: usize>(
        rows: &[[T; M]; N],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        super::serialize(&rows.map(Row), serializer)
    }

    /// Reads exactly `N` rows of `M` elements.
    /// ```
    /// #[derive(Debug, serde::Deserialize)]
    /// struct Matrix(#[serde(with = "brooklet_core::array::nested")] [[u8; 2]; 40]);
    /// assert_eq!(postcard::from_bytes::<Matrix>(&[7; 80]).unwrap().0[39], [7, 7]);
    /// ```
    ///
    /// # Errors
    /// Fewer elements, or whatever the deserializer reports.
    pub fn deserialize<'de, D, T, const M: usize, const N: usize>(
        deserializer: D,
    ) -> Result<[[T; M]; N], D::Error>
    where
        D: Deserializer<'de>,
        T: Deserialize<'de> + Copy + Default,
    {
        let rows: [Row<T, M>; N] = super::deserialize(deserializer)?;
        Ok(rows.map(|row| row.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Long(#[serde(with = "crate::array")] [u16; 40]);

    #[test]
    fn round_trip_without_a_length() {
        let mut bytes = [0; 64];
        let long = Long(core::array::from_fn(|i| i as u16));
        let used = postcard::to_slice(&long, &mut bytes).unwrap();
        assert_eq!(used.len(), 40);
        assert_eq!(postcard::from_bytes::<Long>(used).unwrap(), long);
        assert!(postcard::from_bytes::<Long>(&[1, 2, 3]).is_err());
    }
    #[derive(Serialize, Deserialize, PartialEq, Debug)]
    struct Matrix(#[serde(with = "crate::array::nested")] [[u8; 40]; 3]);

    #[test]
    fn a_matrix_row_by_row() {
        let mut bytes = [0; 128];
        let matrix = Matrix(core::array::from_fn(|i| [i as u8; 40]));
        let used = postcard::to_slice(&matrix, &mut bytes).unwrap();
        assert_eq!((used.len(), used[39], used[40]), (120, 0, 1));
        assert_eq!(postcard::from_bytes::<Matrix>(used).unwrap(), matrix);
    }
}
