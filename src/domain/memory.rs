//! What memory costs: an allocator gives more than is asked for. Measures nothing and allocates nothing.

/// Bytes that an allocator gives for `bytes`: it keeps four sizes between two powers of two, as mimalloc and jemalloc do,
/// and none below 16 bytes but 8. Nothing costs nothing.
#[must_use]
pub fn block(bytes: usize) -> usize {
    match bytes {
        0 => 0,
        1..=64 => bytes.next_multiple_of(if bytes <= 8 { 8 } else { 16 }),
        _ => {
            let step = bytes.next_power_of_two() / 8;
            bytes.next_multiple_of(step)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::block;

    #[test]
    fn sizes_are_rounded_up_to_a_class() {
        let cases = [
            (0, 0),
            (1, 8),
            (9, 16),
            (33, 48),
            (64, 64),
            (65, 80),
            (112, 112),
            (113, 128),
            (1025, 1280),
            (2800, 3072),
            (4097, 5120),
            (8192, 8192),
        ];
        for (bytes, given) in cases {
            assert_eq!(block(bytes), given, "{bytes}");
        }
    }
}
