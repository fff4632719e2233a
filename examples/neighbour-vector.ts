// A seeded fault of your own. Outside of this checkout, import from 'muencheck'.
import { defineFault } from '../src/index.ts';

export default defineFault({
  id: 'neighbour-vector',
  title: 'a subject gets the vector beside the one that the policy gives it',
  seam: 'kernel',
  precedent: 'made for this example',
  // One function of one collaborator record is replaced; it may call the one that was there.
  apply: seams => ({
    ...seams,
    kernel: {
      ...seams.kernel,
      insertInterrupt: (kernel, subject, vector) => seams.kernel.insertInterrupt(kernel, subject, vector ^ 1),
    },
  }),
  // The properties that must find it, tried in this order; an empty list tries all.
  killedBy: ['interrupts/step-refinement'],
});
