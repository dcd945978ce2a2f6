/** A cross certificate ends with the root that signs it, and after the issuers that it vouches for. */
import { isSignedBy, type ParsedCertificate } from "../rules/credentials/certificate.ts";
import { checkCrossCertificateEnd } from "../rules/lifetimes/crossCertificate.ts";
import { type Anchor, certificatesIn, type Mesh, meshesOf, secretText, signerOf, types } from "./mesh.ts";
import { type Refusal, type Resource, read, refusalsOf, textAt } from "./resource.ts";

interface Cross {
  readonly resource: Resource;
  /** The generation that it is for. */
  readonly generation: number;
  readonly end: Date;
  readonly signer: ParsedCertificate;
}

export function* checkCrossCertificates(
  stack: readonly Resource[],
  _settings: unknown,
  now: Date,
): Iterable<Refusal> {
  for (const mesh of meshesOf(stack)) {
    const issuerDuration = mesh.issuer && textAt(mesh.issuer, "spec.duration");
    const crosses = [...mesh.anchors.flatMap((anchor) => made(anchor, now)), ...given(mesh)];
    for (const { resource, generation, end, signer } of crosses) {
      const by =
        mesh.anchors.find(({ root }) => root?.x509.publicKey.equals(signer.x509.publicKey))?.generation ?? 0;
      const signerEnd = signer.x509.validToDate;
      if (end > signerEnd) {
        yield {
          resource,
          message: `The cross certificate of generation ${generation} would last until ${end.toISOString()}, and generation ${by}, which signs it, ends at ${signerEnd.toISOString()}: nobody accepts it after that.`,
          fix: "Let it end with the root that signs it, or before.",
        };
      }
      if (issuerDuration === undefined) continue;
      const cross = { field: "trustAnchor.crossSign", generation, by, end };
      yield* refusalsOf(checkCrossCertificateEnd(cross, issuerDuration, now), resource);
    }
  }
}

/** Made here: of one that is not there yet, its hours count from now. */
function made({ generation, all }: Anchor, now: Date): Cross[] {
  return all.flatMap((resource) => {
    if (resource.type !== types.cross) return [];
    const [signer] = certificatesIn(textAt(resource, "caCertPem"));
    const [certificate] = certificatesIn(textAt(resource, "certPem"));
    const hours = read(resource, "validityPeriodHours");
    const end =
      certificate?.x509.validToDate ??
      (typeof hours === "number" ? new Date(now.getTime() + hours * 3_600_000) : undefined);
    return signer === undefined || end === undefined ? [] : { resource, generation, end, signer };
  });
}

/** Given with the anchor that signs: it is in the Secret alone. */
function given(mesh: Mesh): Cross[] {
  const signer = signerOf(mesh);
  if (signer?.crossSigned === undefined || signer.anchor.all.some(({ type }) => type === types.cross))
    return [];
  const { anchor, crossSigned: resource } = signer;
  const [cross] = certificatesIn(secretText(resource, "tls.crt"));
  const by = mesh.anchors
    .flatMap(({ root }) => root ?? [])
    .find((root) => cross !== undefined && isSignedBy(cross, root));
  if (cross === undefined || by === undefined) return [];
  return [{ resource, generation: anchor.generation, end: cross.x509.validToDate, signer: by }];
}
