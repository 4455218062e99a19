"""An embedded first-hop switch, a host and guests in namespaces: the demo, the integration tests, and users' own CI.

async with Lab() as lab:
    await lab.switch.start()
    await lab.agent.start()
    await lab.until(lambda: lab.all_in(MacvlanMode.VEPA), 5, "the guests to be in VEPA")
"""

from evbagent.lab.lab import Lab, LabTimeout

__all__ = ["Lab", "LabTimeout"]
