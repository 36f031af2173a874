//! The `#[remote]` attribute: reads a function, refuses what cannot run for another node, and writes
//! the type that stands for it.

use proc_macro2::{Span, TokenStream};
use quote::{quote, quote_spanned};
use syn::parse::{Parse, ParseStream};
use syn::spanned::Spanned;
use syn::{
    Error, FnArg, Ident, ItemFn, LitStr, Path, Result, ReturnType, Token, Type, TypeReference,
    parse_quote, parse2,
};

/// What stands in `#[remote(…)]`.
struct Options {
    name: Option<LitStr>,
    runtime: Path,
}

/// What a parameter of the function is given.
enum Param {
    /// `node: &Node`: where it runs.
    Node,
    /// Anything else: an argument that travels.
    Argument(Box<Type>),
}

pub(crate) fn remote(options: TokenStream, item: TokenStream) -> Result<TokenStream> {
    let options: Options = parse2(options)?;
    let function: ItemFn = parse2(item).map_err(|error| {
        let help =
            "#[remote] stands on a function: #[remote] async fn total(items: Vec<u32>) -> u32";
        Error::new(error.span(), help)
    })?;
    check(&function)?;
    let params = function.sig.inputs.iter().map(param).collect::<Result<Vec<_>>>()?;
    let output = match &function.sig.output {
        ReturnType::Default => parse_quote!(()),
        ReturnType::Type(_, ty) => owned(ty, "its output").map(|()| (**ty).clone())?,
    };
    Ok(expand(&options, &function, &params, &output))
}

impl Parse for Options {
    fn parse(input: ParseStream<'_>) -> Result<Self> {
        let mut options = Self { name: None, runtime: parse_quote!(::starlings::runtime) };
        while !input.is_empty() {
            let help = "the options of #[remote] are name = \"…\" and crate = path";
            if input.peek(Token![crate]) {
                input.parse::<Token![crate]>()?;
                input.parse::<Token![=]>()?;
                options.runtime = input.call(Path::parse_mod_style)?;
            } else {
                let option: Ident = input.parse().map_err(|e| Error::new(e.span(), help))?;
                if option != "name" {
                    return Err(Error::new(option.span(), help));
                }
                input.parse::<Token![=]>()?;
                options.name = Some(name(input.parse()?)?);
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
    Err(Error::new(name.span(), "the wire name of a function has 1 to 255 bytes"))
}

fn check(function: &ItemFn) -> Result<()> {
    let signature = &function.sig;
    if !signature.generics.params.is_empty() || signature.generics.where_clause.is_some() {
        let help = "a remote function has concrete types, no generics and no lifetimes: \
                    write one that calls the generic function";
        return Err(Error::new(signature.generics.span(), help));
    }
    if let Some(token) = &signature.constness {
        return Err(Error::new(token.span(), "a remote function is fn or async fn"));
    }
    if let Some(abi) = &signature.abi {
        return Err(Error::new(abi.span(), "a remote function is fn or async fn"));
    }
    Ok(())
}

fn param(input: &FnArg) -> Result<Param> {
    let FnArg::Typed(typed) = input else {
        let help = "a remote function is a free function, outside of an impl block: \
                    what it needs are its arguments, and node: &Node if it asks for it";
        return Err(Error::new(input.span(), help));
    };
    if let Type::Reference(reference) = &*typed.ty
        && is_node(reference)
    {
        return Ok(Param::Node);
    }
    owned(&typed.ty, "its arguments")?;
    Ok(Param::Argument(typed.ty.clone()))
}

fn is_node(reference: &TypeReference) -> bool {
    match &*reference.elem {
        Type::Path(path) => path.path.segments.last().is_some_and(|it| it.ident == "Node"),
        _ => false,
    }
}

/// Refuses types that cannot travel whatever they are made of.
fn owned(ty: &Type, what: &str) -> Result<()> {
    match ty {
        Type::Reference(_) => {
            let help = format!(
                "a remote function owns {what}: take String for &str, Vec<T> for &[T], T for &T; \
                 only the node is borrowed, node: &Node"
            );
            Err(Error::new(ty.span(), help))
        }
        Type::ImplTrait(_) => {
            let help =
                format!("name the type of {what} in place of impl: it is part of the schema");
            Err(Error::new(ty.span(), help))
        }
        _ => Ok(()),
    }
}

fn expand(options: &Options, function: &ItemFn, params: &[Param], output: &Type) -> TokenStream {
    let (rt, ident) = (&options.runtime, &function.sig.ident);
    let docs: Vec<_> = function.attrs.iter().filter(|it| it.path().is_ident("doc")).collect();
    let others: Vec<_> = function.attrs.iter().filter(|it| !it.path().is_ident("doc")).collect();
    let (vis, block) = (&function.vis, &function.block);
    let mut here = function.sig.clone();
    here.ident = Ident::new("here", ident.span());
    let name = match &options.name {
        Some(name) => quote!(#name),
        None => {
            let name = format!(".{}", ident.to_string().trim_start_matches("r#"));
            quote!(::core::concat!(::core::env!("CARGO_PKG_NAME"), #name))
        }
    };
    let types: Vec<&Type> = arguments(params).collect();
    let names: Vec<Ident> = (0..types.len()).map(|n| hidden(&format!("argument{n}"))).collect();
    let (args_pat, args_ty) = match (&*names, &*types) {
        ([name], [ty]) => (quote!(#name), quote!(#ty)),
        _ => (quote!((#(#names),*)), quote!((#(#types),*))),
    };
    let node = hidden("node");
    let mut given = names.iter();
    let passed: Vec<&Ident> = params
        .iter()
        .filter_map(|it| if it.is_node() { Some(&node) } else { given.next() })
        .collect();
    let wait = function.sig.asyncness.map(|_| quote!(.await));
    let checks = types.iter().copied().chain([output]).map(|ty| {
        let span: Span = ty.span();
        quote_spanned!(span=> #rt::assert_wire::<#ty>();)
    });
    let run = quote! {
        async fn run(#args_pat: #args_ty, #node: &#rt::Node) -> #output {
            Self::here(#(#passed),*) #wait
        }
    };
    quote! {
        #(#docs)*
        #[allow(non_camel_case_types, reason = "it stands for a function")]
        #[derive(::core::clone::Clone, ::core::marker::Copy, ::core::fmt::Debug)]
        #vis struct #ident;

        impl #ident {
            #(#docs)*
            #(#others)*
            #vis #here #block
        }

        const _: fn() = || { #(#checks)* };

        #[automatically_derived]
        #[allow(unused_variables, clippy::unused_async, clippy::unit_arg, reason = "not every function takes everything")]
        impl #rt::RemoteFunction for #ident {
            const NAME: &'static str = #name;
            type Args = #args_ty;
            type Output = #output;

            fn key() -> #rt::MethodKey {
                // A pure function of the types, computed once.
                static KEY: ::std::sync::OnceLock<#rt::MethodKey> = ::std::sync::OnceLock::new();
                *KEY.get_or_init(|| #rt::function_key::<#args_ty, #output>(#name))
            }

            #run
        }
    }
}

fn arguments(params: &[Param]) -> impl Iterator<Item = &Type> {
    params.iter().filter_map(|param| match param {
        Param::Node => None,
        Param::Argument(ty) => Some(&**ty),
    })
}

/// A name that no code of the user's can mean.
fn hidden(name: &str) -> Ident {
    Ident::new(name, Span::mixed_site())
}

impl Param {
    fn is_node(&self) -> bool {
        matches!(self, Self::Node)
    }
}
