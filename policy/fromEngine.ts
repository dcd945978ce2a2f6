/** A resource as Pulumi's policy SDK hands it over, and as the rules see it. */
import { type PolicyResource, type ResourceValidationArgs, UnknownValueError } from "@pulumi/policy";
import { type Resource, Unknown } from "./resource.ts";

export function fromEngine(told: ResourceValidationArgs | PolicyResource): Resource {
  const { urn, type, name, props, opts, provider } = told;
  const sources = "propertyDependencies" in told ? told.propertyDependencies : {};
  return {
    urn,
    type,
    name,
    properties: plain(props) as Resource["properties"],
    isProtected: opts.protect,
    parent: opts.parent,
    madeFrom: Object.fromEntries(
      Object.entries(sources).map(([property, resources]) => [property, resources.map((one) => one.urn)]),
    ),
    provider: provider && (plain(provider.props) as Resource["properties"]),
  };
}

/** A copy in which what is not known is an {@link Unknown}: the SDK would end the rule that reads it. */
function plain(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const parts = Object.keys(value).map((key) => [key, read(value, key)] as const);
  return Array.isArray(value) ? parts.map(([, part]) => part) : Object.fromEntries(parts);
}

function read(value: object, key: string): unknown {
  try {
    return plain(value[key as keyof typeof value]);
  } catch (error) {
    if (error instanceof UnknownValueError) return new Unknown();
    throw error;
  }
}
