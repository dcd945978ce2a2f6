/** The trust bundle has every anchor that the mesh lives on, and no other. */
import { isSameAuthority, quotedName } from "../rules/credentials/certificate.ts";
import { parseCertificate } from "../rules/credentials/parseCertificate.ts";
import { readCertificates } from "../rules/credentials/pemText.ts";
import { type Anchor, bundleOf, type Mesh, meshesOf, type Signer, signerOf, vouchersOf } from "./mesh.ts";
import { type Refusal, type Resource, refusalsOf } from "./resource.ts";

const field = "identityTrustAnchorsPEM";

/**
 * Refuses a bundle from which an anchor is missing that a rotation has not retired: one that signs, one that vouches, and one
 * that is to sign next. What is older than the signer, and does neither, is on its way out.
 *
 * An anchor that leaves the stack with its bundle is not here any more. Pulumi refuses to delete what is protected, and
 * {@link checkProtection} sees to it that it was, as long as it signed or vouched.
 */
export function* checkBundle(stack: readonly Resource[]): Iterable<Refusal> {
  for (const mesh of meshesOf(stack)) {
    const bundle = bundleOf(mesh);
    if (bundle === undefined || mesh.anchors.length === 0) continue;
    const resource = mesh.controlPlane;
    for (const anchor of mesh.anchors.filter((one) => !bundle.has(one))) {
      const role = roleOf(anchor, mesh, signerOf(mesh));
      if (role === undefined) continue;
      yield {
        resource,
        message: `Generation ${anchor.generation} of the trust anchor ${role}, and is not in the bundle (${field}): proxies that start with it would refuse what leads there.`,
        fix: "Leave it in the bundle until its rotation is finished: npm run -s rotate -- plan. One whose key may be in someone else's hands: npm run -s rotate -- begin --distrust.",
      };
    }
    if (bundle.text === undefined) continue;
    const { members, findings } = readCertificates({ field, text: bundle.text }, parseCertificate);
    yield* refusalsOf(findings, resource);
    const isOurs = ({ root }: Anchor, member: (typeof members)[number]) =>
      root !== undefined && isSameAuthority(root, member.certificate);
    for (const member of members.filter((one) => !mesh.anchors.some((anchor) => isOurs(anchor, one)))) {
      yield {
        resource,
        message: `${quotedName(member.certificate)} is in the bundle (${field}), and is no generation of this stack's trust anchor: whoever has its key can make any identity of the mesh.`,
        fix: "Take it out; or give it a generation of its own (trustAnchor.provided), which joins and leaves by a rotation.",
      };
    }
  }
}

/** What an anchor is for; `undefined` for one that is on its way out. */
function roleOf(anchor: Anchor, mesh: Mesh, signer: Signer | undefined): string | undefined {
  if (signer === undefined) return "is listed";
  const { generation } = signer.anchor;
  if (anchor === signer.anchor) return "signs the identity issuer";
  if (vouchersOf(mesh, signer).includes(anchor)) return `vouches for generation ${generation}`;
  return anchor.generation > generation ? "is to sign next" : undefined;
}
