/** Who keeps the credentials of the servers that the API server calls. */
import type { OwnedValue } from "../charts/values.ts";
import type { Webhook } from "../linkerdNames.ts";

/** Values that would make one webhook's credentials come from elsewhere than cert-manager. */
export function webhookValues({ valuesKey }: Webhook): OwnedValue[] {
  const fix =
    "Remove it: cert-manager keeps this webhook's credentials. Or set webhooks.rotateCredentials to false.";
  return [
    { path: `${valuesKey}.externalSecret`, value: true, fix },
    ...["injectCaFrom", "injectCaFromSecret", "caBundle", "crtPEM", "keyPEM"].map((key) => ({
      path: `${valuesKey}.${key}`,
      fix,
    })),
  ];
}
