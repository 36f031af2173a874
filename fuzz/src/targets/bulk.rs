//! Fragments of long messages, put together.

use starlings_transport::proto::bulk::{FRAGMENT_BYTES, Incoming, Outgoing};
use starlings_transport::wire::Fragment;

use crate::parts;

/// Each part is the body of a frame of the bulk lane; then what its bytes say is sent.
pub fn run(bytes: &[u8]) {
    let mut incoming = Incoming::default();
    for part in parts(bytes) {
        let Ok((head, piece)) = postcard::take_from_bytes::<Fragment>(part) else { break };
        // Room for what is announced is asked for at once and would be all that is measured here.
        if head.start.is_some_and(|start| start.bytes > 1 << 16 && start.bytes <= 1 << 27) {
            break;
        }
        match incoming.take(head, piece) {
            Ok(Some(whole)) => assert!(whole.message == head.message),
            Ok(None) => {}
            Err(_) => break,
        }
    }
    send(bytes);
}

/// How long messages are that are sent: in no, one and two fragments. Bytes.
const LENGTHS: [usize; 8] = [0, 10, 100, 7, 1000, 300, 0, FRAGMENT_BYTES + 1];

/// Pushes, sends and confirms as the bytes say, and puts together what was sent.
fn send(bytes: &[u8]) {
    let (mut outgoing, mut incoming) = (Outgoing::default(), Incoming::default());
    let (mut pushed, mut came, mut confirmed) = (Vec::new(), Vec::new(), Vec::new());
    for byte in bytes.iter().take(24) {
        match byte % 4 {
            0 | 1 => {
                let length = LENGTHS[usize::from(byte >> 2) % LENGTHS.len()];
                let message = vec![*byte; length];
                let key = u64::from(byte >> 5);
                pushed.push((key, message.clone()));
                outgoing.push(key, None, message);
            }
            2 => {
                let Some(piece) = outgoing.next_piece() else { continue };
                let part = &piece.message[piece.range.clone()];
                let whole = incoming.take(piece.head, part).expect("what is sent fits");
                came.extend(whole.map(|whole| (whole.message, whole.bytes)));
            }
            _ => {
                let number = u32::from(byte >> 2);
                let has_come = came.iter().any(|(message, _)| *message == number);
                let is_due = has_come && !confirmed.contains(&number);
                assert_eq!(outgoing.on_delivered(number), is_due, "message {number}");
                confirmed.extend(is_due.then_some(number));
            }
        }
    }
    for key in 0..8 {
        let of_key = pushed.iter().enumerate().filter(|(_, (k, _))| *k == key);
        let order: Vec<_> = of_key.map(|(number, (_, message))| (number as u32, message)).collect();
        let in_order = came.iter().filter(|(n, _)| pushed[*n as usize].0 == key);
        assert!(
            in_order.zip(&order).all(|((n, bytes), (m, message))| n == m && bytes == *message),
            "messages of one receiver in their order"
        );
    }
}
