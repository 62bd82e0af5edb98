//! What a sample follows from, and nothing else does.

/// What to make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sample {
    /// Shops, 1 to 100,000.
    pub stores: u32,
    /// Products that every shop sells, 1 to 10,000.
    pub skus: u32,
    /// Days, 1 to 3,650, the last being 2025-01-01.
    pub days: u32,
    /// Samples of equal size and seed are equal byte for byte.
    pub seed: u64,
}
