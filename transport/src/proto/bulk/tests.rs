use super::*;

fn drain(outgoing: &mut Outgoing, incoming: &mut Incoming) -> Vec<Whole> {
    let mut whole = Vec::new();
    while let Some(piece) = outgoing.next_piece() {
        whole.extend(incoming.take(piece.head, &piece.message[piece.range]).unwrap());
    }
    whole
}

#[test]
fn messages_take_turns_and_come_out_whole_and_in_the_order_of_their_key() {
    let (mut outgoing, mut incoming) = (Outgoing::default(), Incoming::default());
    let long = |byte: u8, fragments: usize| vec![byte; fragments * FRAGMENT_BYTES - 1];
    let after = Some(After { lane: 1, frames: 7 });
    outgoing.push(1, after, long(1, 3));
    outgoing.push(2, None, long(2, 2));
    outgoing.push(1, None, vec![3]);
    outgoing.push(1, None, Vec::new());
    assert_eq!(outgoing.bytes(), 5 * FRAGMENT_BYTES - 2 + 1);
    let whole = drain(&mut outgoing, &mut incoming);
    let order: Vec<_> = whole.iter().map(|whole| (whole.message, whole.bytes.len())).collect();
    let ends = [(1, 2 * FRAGMENT_BYTES - 1), (0, 3 * FRAGMENT_BYTES - 1), (2, 1), (3, 0)];
    assert_eq!(order, ends);
    assert_eq!(whole[1].after, after);
    assert_eq!(outgoing.bytes(), 0);
    assert!(outgoing.has(1) && outgoing.has(2) && !outgoing.has_work());
    assert!(outgoing.on_delivered(1));
    assert!(!outgoing.has(2), "all of it is delivered");
    assert!(!outgoing.on_delivered(1), "only once");
    assert!(outgoing.on_delivered(0) && outgoing.on_delivered(2));
    assert!(outgoing.has(1), "one is still under way");
    assert!(outgoing.on_delivered(3));
    assert!(outgoing.is_empty());
}

#[test]
fn only_so_many_and_so_much_are_begun_at_once() {
    let (mut outgoing, mut incoming) = (Outgoing::default(), Incoming::default());
    let count = OPEN_MAX as u64 + 5;
    (0..count).for_each(|key| outgoing.push(key, None, vec![1; 2 * FRAGMENT_BYTES]));
    assert_eq!(drain(&mut outgoing, &mut incoming).len(), OPEN_MAX + 5);

    let (mut outgoing, mut incoming) = (Outgoing::default(), Incoming::default());
    (0..3).for_each(|key| outgoing.push(key, None, vec![1; MESSAGE_BYTES_MAX]));
    let whole = drain(&mut outgoing, &mut incoming);
    assert_eq!(whole.iter().map(|whole| whole.message).collect::<Vec<_>>(), [0, 1, 2]);
    assert_eq!((incoming.open_bytes, incoming.open.len()), (0, 0));
}

#[test]
fn fragments_that_no_sender_makes_are_refused() {
    let fragment = |message, bytes: Option<u32>| Fragment {
        message,
        start: bytes.map(|bytes| FragmentStart { bytes, after: None }),
    };
    let fresh = Incoming::default;
    let too_large = u32::try_from(MESSAGE_BYTES_MAX).unwrap() + 1;
    let refused = fresh().take(fragment(0, Some(too_large)), &[1]);
    assert_eq!(refused, Err(FragmentError::TooLarge(MESSAGE_BYTES_MAX + 1)));
    assert_eq!(fresh().take(fragment(3, None), &[1]), Err(FragmentError::OutOfOrder(3)));
    assert_eq!(fresh().take(fragment(3, Some(1)), &[1, 2]), Err(FragmentError::Misfit(3)));
    assert_eq!(fresh().take(fragment(3, Some(1)), &[]), Err(FragmentError::Misfit(3)));

    let mut incoming = fresh();
    assert_eq!(incoming.take(fragment(3, Some(3)), &[1]), Ok(None));
    let again = incoming.take(fragment(3, Some(3)), &[1]);
    assert_eq!(again, Err(FragmentError::OutOfOrder(3)));

    let mut incoming = fresh();
    for message in 0..OPEN_MAX {
        let message = u32::try_from(message).unwrap();
        assert_eq!(incoming.take(fragment(message, Some(2)), &[1]), Ok(None));
    }
    assert_eq!(incoming.take(fragment(99, Some(2)), &[1]), Err(FragmentError::TooMany));

    let (mut incoming, most) = (fresh(), too_large - 1);
    assert_eq!(incoming.take(fragment(0, Some(most)), &[1]), Ok(None));
    assert_eq!(incoming.take(fragment(1, Some(most)), &[1]), Ok(None));
    assert_eq!(incoming.take(fragment(2, Some(2)), &[1]), Err(FragmentError::TooMany));
}
