/** What a preview says that could not look at the cluster: whoever reads its output knows it by this beginning. */
export const unseenBeginning =
  "This preview could not look at all that is on the cluster, and has not checked it:";
