//! Fingerprints of argument and reply schemas, made from what serde says of a type.
//!
//! postcard is not self-describing: bytes of a changed type decode silently as the wrong value. So
//! every method is identified on the wire by a hash over its actor's name, its own name and the
//! shapes of its arguments and reply: struct and variant names, fields in order, primitive types.
//! The shape is read by running the type's own `Deserialize` against a deserializer that makes up
//! values and notes what it is asked for. A type that refuses the made-up values is described as far
//! as it went, which still tells it apart from others and is the same in every build.

use std::fmt;

use serde::de::{
    self, DeserializeOwned, DeserializeSeed, Deserializer, EnumAccess, MapAccess, SeqAccess,
    VariantAccess, Visitor,
};
use xxhash_rust::xxh3::xxh3_64;

use crate::remote::wire::MethodKey;

/// Values a shape may ask for in all. Bounds types that recurse or fan out. Count.
const ASKS_MAX: usize = 4096;

/// How deep a shape is followed. Recursive types end here.
const DEPTH_MAX: usize = 12;

/// The key of a method: a hash over its names and schemas, the same in every build of the same
/// source.
#[must_use]
pub fn method_key<Args: DeserializeOwned, R: DeserializeOwned>(
    actor: &str,
    method: &str,
) -> MethodKey {
    let text = format!("{actor}\0{method}\0{}\0{}", shape::<Args>(), shape::<R>());
    MethodKey(xxh3_64(text.as_bytes()).to_le_bytes())
}

/// The shape of a type as text.
#[must_use]
pub fn shape<T: DeserializeOwned>() -> String {
    let mut notes = Notes::default();
    // Each pass visits one more variant of every enum it comes to, so that all are described.
    for pass in 0..VARIANT_PASSES_MAX {
        notes.pass = pass;
        notes.again = false;
        let _ = T::deserialize(Probe { notes: &mut notes, depth: 0 });
        if !notes.again {
            break;
        }
        notes.text.push('|');
    }
    notes.text
}

/// Variants of one enum that are described. Those beyond still count by name. Count.
const VARIANT_PASSES_MAX: usize = 64;

#[derive(Default)]
struct Notes {
    text: String,
    asks: usize,
    pass: usize,
    /// An enum has more variants than passes were made.
    again: bool,
}

struct Probe<'a> {
    notes: &'a mut Notes,
    depth: usize,
}

#[derive(Debug)]
struct Stop;

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the shape is not followed further")
    }
}

impl std::error::Error for Stop {}

impl de::Error for Stop {
    fn custom<T: fmt::Display>(_: T) -> Self {
        Self
    }
}

impl Probe<'_> {
    fn note(&mut self, what: &str) -> Result<(), Stop> {
        self.notes.asks += 1;
        self.notes.text.push_str(what);
        self.notes.text.push(' ');
        if self.notes.asks > ASKS_MAX || self.depth > DEPTH_MAX { Err(Stop) } else { Ok(()) }
    }
}

macro_rules! primitives {
    ($($method:ident $visit:ident $value:expr;)*) => {$(
        fn $method<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
            self.note(stringify!($visit))?;
            visitor.$visit($value)
        }
    )*};
}

impl<'de> Deserializer<'de> for Probe<'_> {
    type Error = Stop;

    primitives! {
        deserialize_bool visit_bool false;
        deserialize_i8 visit_i8 1;
        deserialize_i16 visit_i16 1;
        deserialize_i32 visit_i32 1;
        deserialize_i64 visit_i64 1;
        deserialize_i128 visit_i128 1;
        deserialize_u8 visit_u8 1;
        deserialize_u16 visit_u16 1;
        deserialize_u32 visit_u32 1;
        deserialize_u64 visit_u64 1;
        deserialize_u128 visit_u128 1;
        deserialize_f32 visit_f32 1.0;
        deserialize_f64 visit_f64 1.0;
        deserialize_char visit_char 'a';
        deserialize_str visit_str "a@a";
        deserialize_string visit_string "a@a".to_owned();
        deserialize_bytes visit_bytes b"a";
        deserialize_byte_buf visit_byte_buf b"a".to_vec();
        deserialize_identifier visit_u64 0;
    }

    fn deserialize_any<V: Visitor<'de>>(mut self, _: V) -> Result<V::Value, Stop> {
        self.note("any")?;
        Err(Stop)
    }

    fn deserialize_ignored_any<V: Visitor<'de>>(mut self, _: V) -> Result<V::Value, Stop> {
        self.note("ignored")?;
        Err(Stop)
    }

    fn deserialize_unit<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.note("unit")?;
        visitor.visit_unit()
    }

    fn deserialize_option<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.note("option")?;
        let Probe { notes, depth } = self;
        visitor.visit_some(Probe { notes, depth: depth + 1 })
    }

    fn deserialize_unit_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.note(name)?;
        visitor.visit_unit()
    }

    fn deserialize_newtype_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.note(name)?;
        let Probe { notes, depth } = self;
        visitor.visit_newtype_struct(Probe { notes, depth: depth + 1 })
    }

    fn deserialize_seq<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.note("seq")?;
        visitor.visit_seq(Items { notes: self.notes, depth: self.depth + 1, left: 1 })
    }

    fn deserialize_tuple<V: Visitor<'de>>(
        mut self,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.note(&format!("tuple{len}"))?;
        visitor.visit_seq(Items { notes: self.notes, depth: self.depth + 1, left: len })
    }

    fn deserialize_tuple_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        len: usize,
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.note(&format!("{name}{len}"))?;
        visitor.visit_seq(Items { notes: self.notes, depth: self.depth + 1, left: len })
    }

    fn deserialize_map<V: Visitor<'de>>(mut self, visitor: V) -> Result<V::Value, Stop> {
        self.note("map")?;
        visitor.visit_map(Items { notes: self.notes, depth: self.depth + 1, left: 1 })
    }

    fn deserialize_struct<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.note(&format!("{name}{{{}}}", fields.join(",")))?;
        visitor.visit_seq(Items { notes: self.notes, depth: self.depth + 1, left: fields.len() })
    }

    fn deserialize_enum<V: Visitor<'de>>(
        mut self,
        name: &'static str,
        variants: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.note(&format!("{name}<{}>", variants.join(",")))?;
        self.notes.again |= self.notes.pass + 1 < variants.len();
        let index = self.notes.pass.min(variants.len().saturating_sub(1));
        visitor.visit_enum(Variant { index, notes: self.notes, depth: self.depth + 1 })
    }

    fn is_human_readable(&self) -> bool {
        false
    }
}

/// The made-up elements of a sequence, tuple, struct or map.
struct Items<'a> {
    notes: &'a mut Notes,
    depth: usize,
    left: usize,
}

impl<'de> SeqAccess<'de> for Items<'_> {
    type Error = Stop;

    fn next_element_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        if self.left == 0 {
            return Ok(None);
        }
        self.left -= 1;
        seed.deserialize(Probe { notes: self.notes, depth: self.depth }).map(Some)
    }
}

impl<'de> MapAccess<'de> for Items<'_> {
    type Error = Stop;

    fn next_key_seed<S: DeserializeSeed<'de>>(
        &mut self,
        seed: S,
    ) -> Result<Option<S::Value>, Stop> {
        self.next_element_seed(seed)
    }

    fn next_value_seed<S: DeserializeSeed<'de>>(&mut self, seed: S) -> Result<S::Value, Stop> {
        seed.deserialize(Probe { notes: self.notes, depth: self.depth })
    }
}

/// The variant of an enum that this pass is at.
struct Variant<'a> {
    index: usize,
    notes: &'a mut Notes,
    depth: usize,
}

impl<'de, 'a> EnumAccess<'de> for Variant<'a> {
    type Error = Stop;
    type Variant = Probe<'a>;

    fn variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<(S::Value, Probe<'a>), Stop> {
        let index = u32::try_from(self.index).map_err(|_| Stop)?;
        let index = de::value::U32Deserializer::<Stop>::new(index);
        Ok((seed.deserialize(index)?, Probe { notes: self.notes, depth: self.depth }))
    }
}

impl<'de> VariantAccess<'de> for Probe<'_> {
    type Error = Stop;

    fn unit_variant(mut self) -> Result<(), Stop> {
        self.note("unit")
    }

    fn newtype_variant_seed<S: DeserializeSeed<'de>>(self, seed: S) -> Result<S::Value, Stop> {
        seed.deserialize(self)
    }

    fn tuple_variant<V: Visitor<'de>>(self, len: usize, visitor: V) -> Result<V::Value, Stop> {
        self.deserialize_tuple(len, visitor)
    }

    fn struct_variant<V: Visitor<'de>>(
        self,
        fields: &'static [&'static str],
        visitor: V,
    ) -> Result<V::Value, Stop> {
        self.deserialize_struct("", fields, visitor)
    }
}
