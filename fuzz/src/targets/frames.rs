//! Frames and envelopes in a byte stream.

use starlings_transport::fuzzing::{body, cut, envelopes, pack, unpack};

/// The first byte says in which pieces the rest comes in.
pub fn run(bytes: &[u8]) {
    let Some((step, stream)) = bytes.split_first() else { return };
    let whole = cut(stream, usize::MAX);
    assert_eq!(cut(stream, usize::from(*step) + 1), whole, "however it comes in");
    for (_, _, is_packed, bytes) in &whole.0 {
        let unpacked = if *is_packed { unpack(bytes) } else { Some(bytes.clone()) };
        let Some(unpacked) = unpacked else { continue };
        let (cut, is_broken) = envelopes(&unpacked);
        if !is_broken {
            assert_eq!(envelopes(&body(&cut)), (cut, false), "put together again");
        }
    }
    let mut packed = stream.to_vec();
    pack(&mut packed);
    assert!(packed.len() <= stream.len(), "packing makes nothing longer");
    if whole.0.iter().all(|(_, _, is_packed, _)| !is_packed) {
        let again = cut_unpacked(&packed);
        assert!(whole.1 || again == whole.0, "packing changes no frame");
    }
}

fn cut_unpacked(stream: &[u8]) -> Vec<(u32, u8, bool, Vec<u8>)> {
    let plain = |(seq, kind, is_packed, body): (u32, u8, bool, Vec<u8>)| {
        let body = if is_packed { unpack(&body).expect("what was packed") } else { body };
        (seq, kind, false, body)
    };
    cut(stream, usize::MAX).0.into_iter().map(plain).collect()
}
