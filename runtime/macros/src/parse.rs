//! Reads the `impl` block of an actor.

mod concrete;
mod evolve;
mod mark;
mod options;

use concrete::concrete;
pub(crate) use evolve::Evolves;
use evolve::{Evolve, check_evolve, evolves, take_evolve};
use mark::{Guard, Mark, take_mark};
pub(crate) use options::Options;
use proc_macro2::{Span, TokenStream};
use syn::spanned::Spanned;
use syn::{
    Attribute, Error, FnArg, GenericArgument, Ident, ImplItem, ImplItemFn, ItemImpl, Pat,
    PathArguments, Result, ReturnType, Type, parse_quote, parse2,
};

/// An actor as written by the user.
pub(crate) struct Actor {
    pub(crate) options: Options,
    /// The block without our attributes: it is kept as it stands.
    pub(crate) block: ItemImpl,
    pub(crate) ty: Type,
    pub(crate) ident: Ident,
    pub(crate) init: Function,
    pub(crate) methods: Vec<Method>,
    pub(crate) infos: Vec<Function>,
    pub(crate) terminate: Option<Function>,
}

/// A function of the block, with its arguments sorted out.
pub(crate) struct Function {
    pub(crate) ident: Ident,
    pub(crate) docs: Vec<Attribute>,
    pub(crate) is_async: bool,
    pub(crate) takes_self: bool,
    pub(crate) params: Vec<Param>,
    pub(crate) output: Type,
}

pub(crate) enum Param {
    /// `cx: &mut Cx<Self>`
    Context,
    /// `reply: Reply<R>`
    Reply(Type),
    /// Anything else: part of the message.
    Argument(Ident, Type),
}

/// A `#[cast]` or `#[call]` method.
pub(crate) struct Method {
    pub(crate) function: Function,
    pub(crate) kind: Kind,
    /// The method that says whether it may be handled: `#[cast(when = is_open)]`.
    pub(crate) guard: Option<Ident>,
    /// Whether other versions may have other arguments: `#[evolve(1)]`.
    pub(crate) evolves: Option<Evolves>,
}

#[expect(clippy::large_enum_variant, reason = "a handful of them, at compile time")]
pub(crate) enum Kind {
    Cast,
    /// With the type of the reply.
    Call(Type),
}

pub(crate) fn actor(options: TokenStream, item: TokenStream) -> Result<Actor> {
    let options: Options = parse2(options)?;
    let mut block: ItemImpl = parse2(item).map_err(|error| {
        let help = "#[actor] stands on the inherent impl block of the actor: \
                    #[actor] impl Counter { … }";
        Error::new(error.span(), help)
    })?;
    check_block(&block)?;
    let ty = (*block.self_ty).clone();
    let ident = type_ident(&ty)?;
    let (mut init, mut terminate) = (None, None);
    let (mut methods, mut infos) = (Vec::new(), Vec::new());
    for item in &mut block.items {
        let ImplItem::Fn(item) = item else { continue };
        let mark = take_mark(item)?;
        let evolve = take_evolve(item)?;
        let item = &concrete(item, &ty)?;
        let name = item.sig.ident.to_string();
        check_evolve(evolve.as_ref(), mark.as_ref().map(|(mark, _)| *mark))?;
        match (mark, name.as_str()) {
            (Some((Mark::Info, Guard(Some(guard)))), _) => {
                let help = "an #[info] method has no guard: events are handled as they come";
                return Err(Error::new(guard.span(), help));
            }
            (Some((Mark::Info, Guard(None))), _) => infos.push(info(item)?),
            (Some((mark, guard)), _) => methods.push(method(item, mark, guard, evolve)?),
            (None, "init") => init = Some(self::init(item)?),
            (None, "terminate") => terminate = Some(self::terminate(item)?),
            (None, _) => {}
        }
    }
    let Some(init) = init else {
        let help = "an actor needs a function that makes its state: \
                    async fn init(args: Args) -> Self, with or without arguments";
        return Err(Error::new(ident.span(), help));
    };
    Ok(Actor { options, block, ty, ident, init, methods, infos, terminate })
}

fn check_block(block: &ItemImpl) -> Result<()> {
    if let Some((path, _)) = &block.trait_ {
        let help = "#[actor] stands on an inherent impl block, not on the impl of a trait";
        return Err(Error::new(path.span(), help));
    }
    if !block.generics.params.is_empty() {
        let help = "#[actor] does not take generic types: implement starlings::Actor by hand, \
                    or name a concrete type";
        return Err(Error::new(block.generics.span(), help));
    }
    Ok(())
}

fn type_ident(ty: &Type) -> Result<Ident> {
    let ident = match ty {
        Type::Path(path) => path.path.segments.last().map(|segment| segment.ident.clone()),
        _ => None,
    };
    ident.ok_or_else(|| Error::new(ty.span(), "an actor is a struct or an enum"))
}

fn method(
    item: &ImplItemFn,
    mark: Mark,
    Guard(guard): Guard,
    evolve: Option<Evolve>,
) -> Result<Method> {
    let function = function(item)?;
    let evolves = evolve.map(|evolve| evolves(evolve, &function)).transpose()?;
    needs_self(&function, "a #[cast] or #[call] method")?;
    let reply = function.params.iter().find_map(|param| match param {
        Param::Reply(ty) => Some(ty.clone()),
        Param::Context | Param::Argument(..) => None,
    });
    let kind = match (mark, reply) {
        (Mark::Cast, None) => Kind::Cast,
        (Mark::Cast, Some(ty)) => {
            return Err(Error::new(ty.span(), "a #[cast] has no reply: make it a #[call]"));
        }
        (_, Some(ty)) => Kind::Call(ty),
        (_, None) => Kind::Call(function.output.clone()),
    };
    Ok(Method { function, kind, guard, evolves })
}

fn info(item: &ImplItemFn) -> Result<Function> {
    let function = function(item)?;
    needs_self(&function, "an #[info] method")?;
    if function.arguments().count() == 1 {
        return Ok(function);
    }
    let help = "an #[info] method takes one event, by its type: \
                fn down(&mut self, down: Down) or (&mut self, down: Down, cx: &mut Cx<Self>)";
    Err(Error::new(function.ident.span(), help))
}

fn init(item: &ImplItemFn) -> Result<Function> {
    let function = function(item)?;
    if function.takes_self {
        let help = "init makes the state, so it cannot take self: \
                    async fn init(args: Args, cx: &mut Cx<Self>) -> Self";
        return Err(Error::new(item.sig.span(), help));
    }
    if matches!(item.sig.output, ReturnType::Default) {
        let help = "init returns the state: -> Self, or -> Result<Self>";
        return Err(Error::new(item.sig.span(), help));
    }
    Ok(function)
}

fn terminate(item: &ImplItemFn) -> Result<Function> {
    let help = "terminate is fn terminate(&mut self, reason: &ExitReason), \
                with or without cx: &mut Cx<Self>";
    let wrong = || Error::new(item.sig.span(), help);
    let mut item = item.clone();
    let mut is_reason = false;
    for input in &mut item.sig.inputs {
        if let FnArg::Typed(typed) = input
            && let Type::Reference(reference) = &*typed.ty
            && last_segment(&reference.elem).is_some_and(|s| s.ident == "ExitReason")
        {
            is_reason = true;
            *typed.ty = parse_quote!(ExitReason);
        }
    }
    let function = function(&item)?;
    let fits = function.takes_self && is_reason && function.arguments().count() == 1;
    if fits { Ok(function) } else { Err(wrong()) }
}

fn needs_self(function: &Function, what: &str) -> Result<()> {
    if function.takes_self {
        return Ok(());
    }
    let help = format!("{what} takes &self or &mut self");
    Err(Error::new(function.ident.span(), help))
}

fn function(item: &ImplItemFn) -> Result<Function> {
    let signature = &item.sig;
    if !signature.generics.params.is_empty() {
        let help = "messages have concrete types: no generics and no lifetimes here";
        return Err(Error::new(signature.generics.span(), help));
    }
    let mut takes_self = false;
    let mut params = Vec::new();
    for input in &signature.inputs {
        match input {
            FnArg::Receiver(_) => takes_self = true,
            FnArg::Typed(typed) => params.push(param(&typed.pat, &typed.ty, params.len())?),
        }
    }
    let output = match &signature.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => (**ty).clone(),
    };
    let docs = item.attrs.iter().filter(|attribute| attribute.path().is_ident("doc"));
    Ok(Function {
        ident: signature.ident.clone(),
        docs: docs.cloned().collect(),
        is_async: signature.asyncness.is_some(),
        takes_self,
        params,
        output,
    })
}

fn param(pat: &Pat, ty: &Type, at: usize) -> Result<Param> {
    if let Type::Reference(reference) = ty {
        if last_segment(&reference.elem).is_some_and(|segment| segment.ident == "Cx") {
            return Ok(Param::Context);
        }
        let is_static = reference.lifetime.as_ref().is_some_and(|l| l.ident == "static");
        if !is_static || reference.mutability.is_some() {
            let help =
                "a message owns its arguments: take String for &str, Vec<T> for &[T], T for &T";
            return Err(Error::new(ty.span(), help));
        }
    }
    if let Some(segment) = last_segment(ty).filter(|segment| segment.ident == "Reply") {
        let PathArguments::AngleBracketed(arguments) = &segment.arguments else {
            return Err(Error::new(ty.span(), "a reply has a type: Reply<Answer>"));
        };
        if let Some(GenericArgument::Type(reply)) = arguments.args.first() {
            return Ok(Param::Reply(reply.clone()));
        }
    }
    match pat {
        Pat::Ident(ident) => {
            let name = ident.ident.to_string();
            let bare = name.trim_start_matches('_');
            let bare = if bare.is_empty() { &name } else { bare };
            Ok(Param::Argument(Ident::new(bare, ident.ident.span()), ty.clone()))
        }
        Pat::Wild(wild) => {
            let name = format!("unused_{at}");
            Ok(Param::Argument(Ident::new(&name, wild.underscore_token.span), ty.clone()))
        }
        other => Err(Error::new(other.span(), "an argument of a message has a plain name")),
    }
}

fn last_segment(ty: &Type) -> Option<&syn::PathSegment> {
    match ty {
        Type::Path(path) => path.path.segments.last(),
        _ => None,
    }
}

impl Function {
    /// The arguments that are part of the message.
    pub(crate) fn arguments(&self) -> impl Iterator<Item = (&Ident, &Type)> {
        self.params.iter().filter_map(|param| match param {
            Param::Argument(ident, ty) => Some((ident, ty)),
            Param::Context | Param::Reply(_) => None,
        })
    }

    pub(crate) fn defers_reply(&self) -> bool {
        self.params.iter().any(|param| matches!(param, Param::Reply(_)))
    }

    pub(crate) fn span(&self) -> Span {
        self.ident.span()
    }
}
