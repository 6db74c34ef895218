"""A plugin for LeRobot 0.6: our planner as a policy, our tasks as environments, so that ``lerobot-eval`` runs both.

    lerobot-eval --env.discover_packages_path=rehearse.sim.lerobot --env.type=rehearse --env.task=push \\
        --policy.discover_packages_path=rehearse.sim.lerobot --policy.type=rehearse --policy.task=push \\
        --eval.batch_size=1 --eval.n_episodes=10

LeRobot finds the parts by the names of the files: ``configuration_``, ``modeling_`` and ``processor_rehearse.py``.
"""
