"""A second, independent fake of Chorus Pro, written from the reference alone.

It shares no code with the client, nor with the other fake. Read in this order:

1. `behaviours`: the operations, and the switches by which the portal departs from the ordinary;
2. `documents`: what a deposited file says;
3. `state`: clock, directory, fluxes, invoices, and the file that keeps them;
4. `integration`: what becomes of a deposit, and when;
5. `answers`, `search`, `directory`: what each operation answers; `forms`: other forms of it;
6. `controls`: what a test may do, by Python or by `POST /_second/<method>` with JSON keywords;
7. `server`: the gates of PISTE and the delivery, `SecondPortal`; `__main__`: the same as a process.

In a test: `with SecondPortal() as portal: portal.arm(behaviour="lost_after", requests=1)`.
As a process: `python -m tests.contract.second_portal --data FILE --exit-with-parent`, then
`POST /_second/arm {"behaviour": "lost_after", "requests": 1}`; `GET /_second/behaviours` lists
the switches, `GET /_second/none` the controls.

« reference §… » cites the compiled facts on the API of Chorus Pro. Where these are silent, the
portal takes one plausible way, and a switch the others. All structures and SIRETs are fictitious.
"""

from tests.contract.second_portal.behaviours import Behaviour, Operation
from tests.contract.second_portal.server import SecondPortal
from tests.contract.second_portal.state import Needs, Service, fictitious_siret

__all__ = ["Behaviour", "Needs", "Operation", "SecondPortal", "Service", "fictitious_siret"]
