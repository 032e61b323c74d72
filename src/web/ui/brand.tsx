/** The drawing beside the name. */
export function Brand() {
  return (
    <svg viewBox="0 0 32 32" width="26" height="26" aria-hidden="true">
      <path class="brand-glass" d="M3 24a13 13 0 0 1 26 0z" />
      <path class="brand-heart" d="M9 24a7 7 0 0 1 14 0z" />
      <rect class="brand-base" x="2" y="25.5" width="28" height="2.5" rx="1.25" />
    </svg>
  );
}
