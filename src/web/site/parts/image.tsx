import type { SiteImage } from '../../../site/page-types.js';
import type { Place } from '../frame.js';

/** A figure with its title. */
export function Image({ image, place }: { image: SiteImage; place: Place }) {
  const { file, title, size } = image;
  const { language, to } = place;
  const href = to(file[language]);
  return (
    <figure>
      <a href={href}>
        <img
          src={href}
          alt={title[language]}
          loading="lazy"
          decoding="async"
          {...(size ? { width: size.width, height: size.height } : {})}
        />
      </a>
      <figcaption>{title[language]}</figcaption>
    </figure>
  );
}
