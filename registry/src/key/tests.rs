use super::{KEY_BYTES_MAX, Key, KeyError, METADATA_BYTES_MAX, Metadata};

#[test]
fn bounds_hold_when_made_and_when_decoded() {
    assert_eq!(Key::new(""), Err(KeyError::Empty));
    assert!(Key::new(&"k".repeat(KEY_BYTES_MAX)).is_ok());
    assert!(Key::new(&"k".repeat(KEY_BYTES_MAX + 1)).is_err());
    assert!(Metadata::new(&[0; METADATA_BYTES_MAX]).is_ok());
    assert!(Metadata::new(&[0; METADATA_BYTES_MAX + 1]).is_err());

    let long = postcard::to_stdvec(&"k".repeat(KEY_BYTES_MAX + 1)).unwrap();
    assert!(postcard::from_bytes::<Key>(&long).is_err());
    let long = postcard::to_stdvec(&vec![0_u8; METADATA_BYTES_MAX + 1]).unwrap();
    assert!(postcard::from_bytes::<Metadata>(&long).is_err());
}

#[test]
fn metadata_without_bytes_has_one_form() {
    assert_eq!(Metadata::new(&[]), Ok(Metadata::EMPTY));
    assert_eq!(Metadata::EMPTY.as_bytes(), b"");
}
