//! Pids as text, as keys, and as bytes.

use std::collections::HashMap;

use starlings_runtime::{AnyPid, NodeInstance, Origin, Pid, PidText, PidTextError, decode};

use crate::bridge::Bridge;
use crate::fixture::{Counter, node, node_at};

#[tokio::test]
async fn a_pid_prints_short_at_home_and_parses_back() {
    let node = node("a@h");
    let counter = node.spawn::<Counter>(0).await.unwrap();
    let text = counter.to_string();
    assert_eq!(text, format!("<0.{}>", counter.any().serial()));
    assert_eq!(node.parse_pid(&text).unwrap(), *counter.any());
    assert_eq!(
        node.parse_pid(&format!("<a@h.{}>", counter.any().serial())).unwrap(),
        *counter.any()
    );
}

#[tokio::test]
async fn the_long_form_parses_without_a_node() {
    let counter = node("a@h").spawn::<Counter>(0).await.unwrap();
    let parsed: AnyPid = format!("{:?}", counter.any()).parse().unwrap();
    assert_eq!(parsed, *counter.any());
}

#[tokio::test]
async fn a_pid_of_another_node_prints_with_its_name() {
    let (a, b) = (node("a@h"), node("b@h"));
    let _bridge = Bridge::between(&a, &b);
    let counter = b.spawn::<Counter>(0).await.unwrap();
    let seen = a.bind(counter.any());
    assert_eq!(seen.to_string(), format!("<b@h.{}>", counter.any().serial()));
    assert_eq!(a.parse_pid(&seen.to_string()).unwrap(), seen);
}

#[tokio::test]
async fn what_is_not_a_pid_is_refused() {
    let node = node("a@h");
    for text in ["", "<>", "0.1", "<0.>", "<0.x>", "<x.1>", "<a@h.-1>", "<a@h#x.1>", "<0.1", "é"] {
        assert!(text.parse::<PidText>().is_err(), "{text}");
        assert!(matches!(node.parse_pid(text), Err(PidTextError::NotAPid(_))), "{text}");
    }
    assert!(matches!(node.parse_pid("<b@h.1>"), Err(PidTextError::NoConnection(_))));
}

#[tokio::test]
async fn pids_are_equal_and_hash_alike_however_they_came() {
    let node = node("a@h");
    let counter = node.spawn::<Counter>(0).await.unwrap();
    let mut bytes = Vec::new();
    starlings_runtime::append(counter.any(), &mut bytes).unwrap();
    let unbound: AnyPid = decode(&bytes).unwrap();
    let map = HashMap::from([(unbound.clone(), 1)]);
    assert_eq!((&unbound, map.get(counter.any())), (counter.any(), Some(&1)));
}

#[tokio::test]
async fn a_pid_of_an_earlier_life_is_another_pid() {
    let (old, new) = (node_at("a@h", 1), node_at("a@h", 2));
    let (one, two) =
        (old.spawn::<Counter>(0).await.unwrap(), new.spawn::<Counter>(0).await.unwrap());
    assert_eq!(one.any().serial(), two.any().serial());
    assert_ne!(one.any(), two.any());
    assert!(!new.is_alive(one.any()));
}

/// The key of a method with an origin must not depend on whether it is computed while a session is
/// being decoded: two nodes that did so at different moments would refuse each other's messages.
#[tokio::test]
async fn an_origin_has_the_same_shape_everywhere_and_names_the_sender() {
    let (a, b) = (node("a@h"), node("b@h"));
    let outside = starlings_runtime::shape::<(Origin, String)>();
    let _bridge = Bridge::between(&a, &b);
    let told = b.spawn::<Shapes>(()).await.unwrap();
    let seen: Pid<Shapes> = a.pid(told.any());
    let (inside, from) = seen.shape(Origin::of(&b), ShapeNow(String::new())).await.unwrap();
    assert_eq!((inside, from), (outside, Some(a.instance().clone())));
}

/// Notes the shape that an argument has while it is decoded.
#[derive(Debug)]
struct ShapeNow(String);

impl serde::Serialize for ShapeNow {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_unit()
    }
}

impl<'de> serde::Deserialize<'de> for ShapeNow {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        <()>::deserialize(deserializer)?;
        Ok(Self(starlings_runtime::shape::<(Origin, String)>()))
    }
}

#[derive(Debug)]
struct Shapes;

#[starlings_runtime::actor(name = "test.shapes", crate = starlings_runtime)]
impl Shapes {
    fn init() -> Self {
        Self
    }

    #[call]
    fn shape(&self, from: Origin, now: ShapeNow) -> (String, Option<NodeInstance>) {
        (now.0, from.instance().cloned())
    }
}
