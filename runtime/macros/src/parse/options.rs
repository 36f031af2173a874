//! The options of `#[actor(…)]`.

use syn::parse::{Parse, ParseStream};
use syn::{Error, Ident, LitBool, LitInt, LitStr, Path, Result, Token, parse_quote};

/// What stands in `#[actor(…)]`.
pub(crate) struct Options {
    pub(crate) name: Option<LitStr>,
    pub(crate) capacity: Option<LitInt>,
    pub(crate) runtime: Path,
    /// A variant of `Overflow`.
    pub(crate) overflow: Option<Ident>,
    /// Whether it runs on a thread of its own.
    pub(crate) thread: bool,
    /// Whether its arguments are to travel; false for a remote actor that is only started locally.
    pub(crate) spawnable: bool,
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let runtime = parse_quote!(::starlings::runtime);
        let mut options = Self {
            name: None,
            capacity: None,
            runtime,
            overflow: None,
            thread: false,
            spawnable: true,
        };
        while !input.is_empty() {
            let help = "the options of #[actor] are name = \"…\", capacity = N, overflow = Policy, \
                        thread = true, spawnable = false and crate = path";
            if input.peek(Token![crate]) {
                input.parse::<Token![crate]>()?;
                input.parse::<Token![=]>()?;
                options.runtime = input.call(Path::parse_mod_style)?;
            } else {
                let option: Ident = input.parse().map_err(|e| Error::new(e.span(), help))?;
                input.parse::<Token![=]>()?;
                match option.to_string().as_str() {
                    "name" => options.name = Some(name(input.parse()?)?),
                    "capacity" => options.capacity = Some(input.parse()?),
                    "overflow" => options.overflow = Some(input.parse()?),
                    "thread" => options.thread = input.parse::<LitBool>()?.value,
                    "spawnable" => options.spawnable = input.parse::<LitBool>()?.value,
                    _ => return Err(Error::new(option.span(), help)),
                }
            }
            if !input.is_empty() {
                input.parse::<Token![,]>()?;
            }
        }
        Ok(options)
    }
}

fn name(name: LitStr) -> Result<LitStr> {
    let bytes = name.value().len();
    if (1..=255).contains(&bytes) {
        return Ok(name);
    }
    Err(Error::new(name.span(), "the wire name of an actor has 1 to 255 bytes"))
}
